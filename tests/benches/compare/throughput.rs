//! The logins that all cores decide together: `ligature bench --threads`.

use std::thread;

use ligature_host::harness::group_thousands;
use serde_json::Value;

use crate::Place;
use crate::cases::Login;
use crate::component;
use crate::contender::ROUNDS;

/// The logins of one kind.
struct Row {
    login: &'static str,
    logins_per_s: f64,
    /// The work of all threads together, as multiples of one thread's.
    scaling: f64,
    /// The same of a loop that touches no memory.
    spin_loop: f64,
}

/// The logins that as many threads as there are cores decide together.
pub(crate) struct Throughput {
    threads: usize,
    rows: Vec<Row>,
}

impl Throughput {
    /// Measures each login for so many seconds in each round. The round with the most logins counts. None
    /// on a machine with one core.
    pub(crate) fn measure(place: &Place, logins: &[Login; 3], seconds: f64) -> Option<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        if threads == 1 {
            return None;
        }
        let rows = logins.iter().map(|login| {
            println!("{threads} threads: {}", login.name);
            let rounds = (0..ROUNDS).map(|_| measure_login(place, login, threads, seconds));
            rounds.max_by(|a, b| a.logins_per_s.total_cmp(&b.logins_per_s)).expect("several rounds")
        });
        Some(Self { threads, rows: rows.collect() })
    }

    /// Returns the rows as a table.
    pub(crate) fn table(&self) -> String {
        let threads = self.threads;
        let mut table = format!(
            "| {threads} threads | logins/s | times one thread | a spin loop, times one thread |\n|---|---:|---:|---:|\n"
        );
        for Row { login, logins_per_s, scaling, spin_loop } in &self.rows {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate, rounded for people"
            )]
            let rate = group_thousands(logins_per_s.round() as u64);
            table.push_str(&format!("| {login} | {rate} | {scaling:.2} | {spin_loop:.2} |\n"));
        }
        table
    }
}

fn measure_login(place: &Place, login: &Login, threads: usize, seconds: f64) -> Row {
    let (threads, seconds) = (threads.to_string(), seconds.to_string());
    let file = login.file.to_string_lossy();
    let printed =
        component::run(place, &["bench", &file, "--threads", &threads, "--seconds", &seconds, "--json"]);
    let figures: Value = serde_json::from_str(&printed).expect("figures");
    let number = |figure: &Value| figure.as_f64().expect("a number");
    Row {
        login: login.name,
        logins_per_s: number(&figures["logins_per_s"]),
        scaling: number(&figures["scaling"]["logins"]),
        spin_loop: number(&figures["scaling"]["spin_loop"]),
    }
}
