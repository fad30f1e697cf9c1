//! Two logins of one person at once: two tabs, a phone and a laptop.

use std::sync::Barrier;

use serde_json::{Value, json};

use super::File;
use crate::http::{Browser, Response};
use crate::tenants::{
    CONFIG, DATABASE, PASSWORD, REALM_GRANT, Tenant, authorize, claims, database_user, login_form, open,
    redeem, text, user,
};
use ligature_test_servers::{NoServer, Postgres};

crate::tests![
    in_memory_both_are_the_primary,
    on_sqlite_both_are_the_primary,
    on_postgres_both_are_the_primary,
    a_plugin_that_gives_up_when_it_was_too_late,
    sessions_and_refresh_tokens_at_once,
    first_logins_at_once,
];

const PAIRS: usize = 30;

/// Two accounts of each person.
fn accounts(number: usize) -> String {
    let email = format!("n{number}@example.com");
    database_user(&format!("n{number}"), &email)
        + &user(&format!("google-oauth2|n{number}"), &email, "google-oauth2")
}

fn with_on_failure(on_failure: &str, users: &str) -> String {
    CONFIG.replace("name = \"tenant\"\n", &format!("name = \"tenant\"\non_failure = {on_failure:?}\n"))
        + users
}

/// Starts a tenant with the accounts of `pairs` people, two each.
fn tenant(pairs: usize, on_failure: &str, args: &[&str]) -> Tenant {
    let users: String = (0..pairs).map(accounts).collect();
    Tenant::configured(&with_on_failure(on_failure, &users), args)
}

/// Runs both functions at the same time.
fn at_once<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B) {
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        let one = scope.spawn(|| {
            barrier.wait();
            one()
        });
        barrier.wait();
        let other = other();
        (one.join().expect("a login ends"), other)
    })
}

/// Tokens that come with the answer: nothing looks at the user once more.
const AT_ONCE: [(&str, &str); 1] = [("response_type", "id_token token")];

/// The one and the other login of a person, up to the last request.
struct Pair {
    by_password: (Browser, String),
    by_google: (Browser, String),
    number: usize,
}

impl Pair {
    fn of(tenant: &Tenant, number: usize, with: &[(&str, &str)]) -> Self {
        let page = || {
            let mut browser = tenant.browser();
            let state = open(&mut browser, with);
            (browser, state)
        };
        Self { by_password: page(), by_google: page(), number }
    }

    fn answers(mut self) -> (Response, Response) {
        let email = format!("n{}@example.com", self.number);
        let id = format!("n{}", self.number);
        at_once(
            || {
                let (browser, state) = &mut self.by_password;
                let fields = login_form(state, &email);
                browser.submit("/u/login", &fields)
            },
            || {
                let (browser, state) = &mut self.by_google;
                let fields = [
                    ("state", &**state),
                    ("connection", "google-oauth2"),
                    ("user_id", &id),
                    ("email", &email),
                    ("email_verified", "true"),
                ];
                browser.submit("/u/stand-in", &fields)
            },
        )
    }
}

/// The subjects of all tokens of an answer.
fn subjects(tokens: &[&Value]) -> Vec<String> {
    tokens.iter().map(|token| text(&claims(token)["sub"])).collect()
}

/// Asserts that every token belongs to the one user that remains.
fn assert_one(tenant: &Tenant, number: usize, subjects: &[String]) {
    let primary = &subjects[0];
    assert!(subjects.iter().all(|it| it == primary), "{number}: {subjects:?}");
    let user = tenant.user(primary);
    assert_eq!(user.status, 200, "{number}: {primary}: {}", user.text());
    assert_eq!(user.json()["identities"].as_array().map(Vec::len), Some(2), "{number}: {}", user.text());
}

fn by_forms(tenant: &Tenant, pairs: std::ops::Range<usize>) {
    for number in pairs {
        let (one, other) = Pair::of(tenant, number, &AT_ONCE).answers();
        let mut all = Vec::new();
        for answer in [one.answer(), other.answer()] {
            assert!(!answer.contains_key("error"), "{number}: {answer:?}");
            let tokens =
                [Value::from(answer["id_token"].clone()), Value::from(answer["access_token"].clone())];
            all.extend(subjects(&[&tokens[0], &tokens[1]]));
        }
        assert_one(tenant, number, &all);
    }
}

/// The token endpoint beside a page.
fn by_grant_and_form(tenant: &Tenant, pairs: std::ops::Range<usize>) {
    for number in pairs {
        let email = format!("n{number}@example.com");
        let Pair { by_google: (mut browser, state), .. } = Pair::of(tenant, number, &[]);
        let (grant, page) = at_once(
            || {
                let fields = [
                    ("grant_type", REALM_GRANT),
                    ("realm", DATABASE),
                    ("username", &email),
                    ("password", PASSWORD),
                ];
                tenant.token("web", &fields)
            },
            || {
                let id = format!("n{number}");
                let fields = [
                    ("state", state.as_str()),
                    ("connection", "google-oauth2"),
                    ("user_id", &id),
                    ("email", &email),
                    ("email_verified", "true"),
                ];
                browser.submit("/u/stand-in", &fields)
            },
        );
        assert_eq!(grant.status, 200, "{number}: {}", grant.text());
        let code = page.answer().remove("code").unwrap_or_else(|| panic!("{number}: {:?}", page.answer()));
        let (grant, page) = (grant.json(), redeem(tenant, "web", &code).json());
        let tokens = [&grant["id_token"], &grant["access_token"], &page["id_token"], &page["access_token"]];
        assert_one(tenant, number, &subjects(&tokens));
    }
}

/// Checks that no login fails, for both settings of `on_error` and `on_failure`.
fn both_are_the_primary(directory: impl Fn() -> Option<String>) {
    for (on_error, on_failure) in [("login_without_link", "proceed"), ("deny", "deny")] {
        let policy =
            json!({ "mode": "auto", "trusted_connections": ["google-oauth2"], "on_error": on_error });
        let policy = File::with(policy.to_string());
        let directory = directory();
        let mut args = vec!["--policy", policy.name()];
        if let Some(directory) = &directory {
            args.extend(["--directory", directory]);
        }
        let tenant = tenant(PAIRS, on_failure, &args);
        by_forms(&tenant, 0..PAIRS / 2);
        by_grant_and_form(&tenant, PAIRS / 2..PAIRS);
        let log = tenant.log_of("login");
        assert!(log.len() >= 2 * PAIRS, "{log:?}");
        let lost = |line: &&Value| line["reasons"].as_str().is_some_and(|it| it.starts_with("RACE_LOST"));
        assert!(log.iter().filter(lost).all(|line| line["decision"] == "linked"), "{log:?}");
    }
}

fn in_memory_both_are_the_primary() {
    both_are_the_primary(|| None);
}

fn on_sqlite_both_are_the_primary() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = std::cell::Cell::new(0);
    both_are_the_primary(|| {
        files.set(files.get() + 1);
        Some(format!("sqlite:{}", folder.path().join(format!("{}.db", files.get())).display()))
    });
}

fn on_postgres_both_are_the_primary() -> Result<(), NoServer> {
    let server = Postgres::start()?;
    both_are_the_primary(|| Some(server.schema()));
    Ok(())
}

/// The minimal plugin gives up at any error, and the operator has such logins
/// denied.
fn a_plugin_that_gives_up_when_it_was_too_late() {
    let plugin = File::with(ligature_test_guests::MINIMAL);
    // It is fast, and two of its logins seldom meet.
    let tenant = tenant(PAIRS * 10, "deny", &["--plugin", plugin.name()]);
    by_forms(&tenant, 0..PAIRS * 10);
}

const OFF: &str = r#"{"mode": "off"}"#;

/// Sessions and refresh tokens of earlier logins.
fn sessions_and_refresh_tokens_at_once() {
    let policy = File::with(OFF);
    let tenant = tenant(PAIRS, "deny", &["--policy", policy.name()]);
    let before: Vec<_> = (0..PAIRS)
        .map(|number| {
            let email = format!("n{number}@example.com");
            let tokens = tenant.password_tokens("web", &email, "openid offline_access");
            let mut pair = Pair::of(&tenant, number, &[]);
            let (browser, state) = &mut pair.by_google;
            let id = format!("n{number}");
            let fields = [
                ("state", &**state),
                ("connection", "google-oauth2"),
                ("user_id", &id),
                ("email", &email),
                ("email_verified", "true"),
            ];
            browser.submit("/u/stand-in", &fields);
            (text(&tokens["refresh_token"]), pair.by_google.0)
        })
        .collect();
    policy.write(r#"{"mode": "auto", "trusted_connections": ["google-oauth2"], "on_error": "deny"}"#);
    super::reloading::wait(&tenant, "plugin and policy reloaded", 1);
    for (number, (refresh_token, mut browser)) in before.into_iter().enumerate() {
        let (refreshed, silent) = at_once(
            || {
                let fields = [("grant_type", "refresh_token"), ("refresh_token", &*refresh_token)];
                tenant.token("web", &fields)
            },
            || browser.get(&authorize(&[("prompt", "none"), AT_ONCE[0]])),
        );
        assert_eq!(refreshed.status, 200, "{number}: {}", refreshed.text());
        let silent = silent.answer();
        assert!(!silent.contains_key("error"), "{number}: {silent:?}");
        let refreshed = refreshed.json();
        let silent = Value::from(silent["id_token"].clone());
        let tokens = [&refreshed["id_token"], &refreshed["access_token"], &silent];
        assert_one(&tenant, number, &subjects(&tokens));
    }
}

/// Two accounts log in for the first time at once. The code of a login that the other one has linked
/// since is refused, and its session is one of the account that both have now.
fn first_logins_at_once() {
    let policy = json!({
        "mode": "auto", "trusted_connections": ["google-oauth2", "github"], "never_logged_in": "allow",
    });
    let policy = File::with(policy.to_string());
    let github = "\n[[connections]]\nname = \"github\"\nstrategy = \"github\"\n";
    let tenant = Tenant::started(github, &["--policy", policy.name()]);
    for number in 0..PAIRS {
        let log_in = |connection: &'static str| {
            let mut browser = tenant.browser();
            let state = open(&mut browser, &[]);
            let (id, email) = (format!("n{number}"), format!("n{number}@example.com"));
            move || {
                let fields = [
                    ("state", state.as_str()),
                    ("connection", connection),
                    ("user_id", &id),
                    ("email", &email),
                    ("email_verified", "true"),
                ];
                let end = browser.submit("/u/stand-in", &fields);
                (browser, end.answer()["code"].clone())
            }
        };
        let (one, other) = at_once(log_in("google-oauth2"), log_in("github"));
        let subject = |(mut browser, code): (Browser, String)| {
            let tokens = redeem(&tenant, "web", &code);
            if tokens.status == 200 {
                return text(&claims(&tokens.json()["id_token"])["sub"]);
            }
            assert_eq!(tokens.json()["error"], "invalid_grant", "{}", tokens.text());
            text(&super::subject(&tenant, &browser.get(&authorize(&[("prompt", "none")]))))
        };
        let subjects = [one, other].map(subject);
        assert_one(&tenant, number, &subjects);
    }
}
