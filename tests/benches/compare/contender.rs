//! A contender, with its times.

use crate::cases::Login;
use crate::times::Times;

/// The rounds, of which the one with the least median counts: the other load of a machine comes and goes.
pub(crate) const ROUNDS: usize = 3;

/// One way to decide the logins.
pub(crate) struct Contender<'a> {
    name: &'static str,
    /// Checks that a login is decided as expected, and measures it.
    measure: Box<dyn Fn(&Login) -> Times + 'a>,
}

/// A contender with the name of each login, and its times.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) logins: Vec<(&'static str, Times)>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &'static str, measure: impl Fn(&Login) -> Times + 'a) -> Self {
        Self { name, measure: Box::new(measure) }
    }

    /// Measures each login by every contender, one contender after the other, in several rounds.
    pub(crate) fn measure_all(contenders: &[Self], logins: &[Login; 3]) -> Vec<Measured> {
        let mut all: Vec<Measured> =
            contenders.iter().map(|it| Measured { name: it.name, logins: Vec::new() }).collect();
        for round in 1..=ROUNDS {
            for (contender, measured) in contenders.iter().zip(&mut all) {
                println!("round {round} of {ROUNDS}: {}", contender.name);
                for login in logins {
                    measured.keep_least(login.name, (contender.measure)(login));
                }
            }
        }
        all
    }
}

impl Measured {
    fn keep_least(&mut self, login: &'static str, times: Times) {
        match self.logins.iter_mut().find(|(name, _)| *name == login) {
            None => self.logins.push((login, times)),
            Some((_, least)) if times.p50_us < least.p50_us => *least = times,
            Some(_) => {}
        }
    }
}

/// Formats microseconds for people.
pub(crate) fn format(us: f64) -> String {
    match us {
        ..9.95 => format!("{us:.1} µs"),
        ..999.5 => format!("{us:.0} µs"),
        ..9_950.0 => format!("{:.1} ms", us / 1000.0),
        _ => format!("{:.0} ms", us / 1000.0),
    }
}
