//! Users at work: they sign up, are made by an administrator, and log in with
//! Google's account of the same address, which links it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Request, Response};
use crate::tenants::{CALLBACK, DATABASE, PASSWORD, Tenant, authorize, claims, text};

/// Between two users of a client, and before one tries again.
const PAUSE: Duration = Duration::from_millis(20);
const AGAIN: Duration = Duration::from_millis(200);

/// One request, with the reason of its failure if it failed.
pub(crate) struct Asked {
    pub(crate) what: &'static str,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) failure: Option<String>,
}

/// A link that a login's token told of.
pub(crate) struct Link {
    /// The time at which the login began.
    pub(crate) began: Instant,
    pub(crate) primary: String,
    /// Google's id, without `google-oauth2|`.
    pub(crate) secondary: String,
}

/// The answers that the users got.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) asked: Vec<Asked>,
    /// The ids of those that signed up or were made.
    pub(crate) accounts: Vec<String>,
    pub(crate) links: Vec<Link>,
    /// The subject of a login with a linked account, and the expected one.
    pub(crate) strangers: Vec<(String, String)>,
}

impl Told {
    pub(crate) fn failures(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|asked| asked.failure.is_some())
    }

    pub(crate) fn summary(&self) -> String {
        let first = self.failures().map(|asked| asked.began).min();
        let last = self.failures().map(|asked| asked.ended).max();
        let failed = match first.zip(last) {
            Some((first, last)) => {
                let count = self.failures().count();
                format!("{count} failed, over {:.1} s", (last - first).as_secs_f64())
            }
            None => "none failed".to_owned(),
        };
        let took = |asked: &Asked| asked.ended - asked.began;
        let slowest = self.asked.iter().filter(|asked| asked.failure.is_none()).map(took).max();
        format!(
            "{} accounts and {} links confirmed; of {} requests {failed}; the slowest good one took {:.1} s",
            self.accounts.len(),
            self.links.len(),
            self.asked.len(),
            slowest.unwrap_or_default().as_secs_f64()
        )
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.asked.extend(other.asked);
        self.accounts.extend(other.accounts);
        self.links.extend(other.links);
        self.strangers.extend(other.strangers);
    }
}

/// Returns the answers to the users of this many clients while something happens.
pub(crate) fn during(tenant: &Tenant, clients: usize, happens: impl FnOnce()) -> Told {
    // No two loads have a user in common.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let token = tenant.client_token("machine");
    std::thread::scope(|scope| {
        let client = || {
            let mut client = Client { tenant, token: &token, stop: &stop, told: Told::default() };
            while !stop.load(Ordering::Relaxed) {
                client.use_account(NEXT.fetch_add(1, Ordering::Relaxed));
                std::thread::sleep(PAUSE);
            }
            client.told
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        // The others must be told too if it fails.
        let happened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(happens));
        stop.store(true, Ordering::Relaxed);
        let mut told = Told::default();
        for client in clients {
            told.add(client.join().expect("a client"));
        }
        if let Err(why) = happened {
            std::panic::resume_unwind(why);
        }
        told
    })
}

/// Logs all users that were linked before in again, with this many clients and no
/// pause, and returns the answers.
pub(crate) fn log_in_again(tenant: &Tenant, clients: usize, links: &[Link]) -> Told {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let client = |links: &'_ [Link]| {
            let mut client = Client { tenant, token: "", stop: &stop, told: Told::default() };
            for link in links {
                client.log_in_linked(&link.primary, &link.secondary);
            }
            client.told
        };
        let share = links.len().div_ceil(clients).max(1);
        let clients: Vec<_> = links.chunks(share).map(|links| scope.spawn(move || client(links))).collect();
        let mut told = Told::default();
        clients.into_iter().for_each(|client| told.add(client.join().expect("a client")));
        told
    })
}

struct Client<'a> {
    tenant: &'a Tenant,
    token: &'a str,
    stop: &'a AtomicBool,
    told: Told,
}

impl Client<'_> {
    /// Asks once. `None`: it failed, and may have been carried out or not.
    fn ask(&mut self, what: &'static str, ask: impl FnOnce() -> Response) -> Option<Response> {
        let began = Instant::now();
        let answer = ask();
        let ended = Instant::now();
        let is_good = matches!(answer.status, 200..=299)
            || answer.header("location").is_some_and(|to| answer.status < 400 && !to.contains("error="));
        let failure = (!is_good).then(|| {
            let to = answer.header("location").unwrap_or_default();
            format!("{} {to} {}", answer.status, answer.text().chars().take(300).collect::<String>())
        });
        self.told.asked.push(Asked { what, began, ended, failure });
        is_good.then_some(answer)
    }

    fn use_account(&mut self, number: usize) {
        self.sign_up(number);
        let Some(primary) = self.make(number) else { return };
        let secondary = format!("n{number}");
        let began = Instant::now();
        // A user who could not log in tries again.
        let first = loop {
            if let Some(subject) = self.log_in(&secondary) {
                break subject;
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(AGAIN);
        };
        if first == primary {
            self.told.links.push(Link { began, primary: primary.clone(), secondary: secondary.clone() });
            self.log_in_linked(&primary, &secondary);
        } else {
            self.told.strangers.push((first, primary));
        }
    }

    fn log_in_linked(&mut self, primary: &str, secondary: &str) {
        if let Some(subject) = self.log_in(secondary).filter(|subject| subject != primary) {
            self.told.strangers.push((subject, primary.to_owned()));
        }
    }

    fn sign_up(&mut self, number: usize) {
        let tenant = self.tenant;
        let body = json!({
            "client_id": "web", "connection": DATABASE, "password": PASSWORD,
            "email": format!("signed-up-{number}@example.com"),
        });
        let signed_up =
            self.ask("sign-up", || tenant.send(&Request::post("/dbconnections/signup").json(&body)));
        if let Some(answer) = signed_up {
            self.told.accounts.push(format!("auth0|{}", text(&answer.json()["_id"])));
        }
    }

    fn make(&mut self, number: usize) -> Option<String> {
        let (tenant, token) = (self.tenant, self.token);
        let body = json!({
            "connection": DATABASE, "password": PASSWORD, "email_verified": true,
            "email": format!("n{number}@example.com"),
        });
        let make = || tenant.send(&Request::post("/api/v2/users").bearer(token).json(&body));
        let user_id = text(&self.ask("user made", make)?.json()["user_id"]);
        self.told.accounts.push(user_id.clone());
        Some(user_id)
    }

    /// Logs in with Google's account. Returns whom that logged in.
    fn log_in(&mut self, account: &str) -> Option<String> {
        let tenant = self.tenant;
        let mut browser = tenant.browser();
        let page = self.ask("authorize", || browser.get(&authorize(&[])))?;
        let state = page.answer().remove("state")?;
        let email = format!("{account}@example.com");
        let fields = [
            ("state", state.as_str()),
            ("connection", "google-oauth2"),
            ("user_id", account),
            ("email", &email),
            ("email_verified", "true"),
        ];
        let answer = self.ask("login", || browser.submit("/u/stand-in", &fields))?;
        let code = answer.answer().remove("code")?;
        let fields = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", CALLBACK)];
        let tokens = self.ask("token", || tenant.token("web", &fields))?;
        Some(text(&claims(&tokens.json()["id_token"])["sub"]))
    }
}
