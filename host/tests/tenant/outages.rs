//! PostgreSQL ends, restarts, cuts its connections and keeps rows locked, while
//! people log in.

use std::sync::Barrier;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::tenants::{
    DATABASE, PASSWORD, REALM_GRANT, Tenant, authorize, by_password, database_user, login_form, open, redeem,
    text,
};
use ligature_test_servers::{NoServer, Postgres};

crate::tests![
    ends_well_with_open_connections,
    ends_well_without_its_database,
    a_restart_costs_no_login,
    cut_connections_cost_no_login,
    a_demoted_server_is_left,
    codes_outlive_an_outage,
    links_of_mails_outlive_an_outage,
    a_locked_row_is_one_users_trouble,
    waits_for_its_database_at_the_start,
    ends_well_while_it_waits,
    a_locked_user_leaves_connections_to_others,
    says_whether_it_is_ready,
    a_link_request_of_a_new_browser_is_served,
];

/// Logins at a time: as many as a process has connections.
const AT_ONCE: usize = 16;

/// Starts a private server, and a tenant on it with `users` users.
fn started(users: usize) -> Result<(Postgres, String, Tenant), NoServer> {
    started_with(&(0..users).map(user).collect::<String>())
}

pub(crate) fn started_with(config: &str) -> Result<(Postgres, String, Tenant), NoServer> {
    let server = Postgres::start_private()?;
    let url = server.schema();
    let tenant = Tenant::started(config, &["--directory", &url]);
    Ok((server, url, tenant))
}

fn user(number: usize) -> String {
    database_user(&format!("n{number}"), &email(number))
}

fn email(number: usize) -> String {
    format!("n{number}@example.com")
}

fn log_in(tenant: &Tenant, number: usize) -> Response {
    let email = email(number);
    let fields =
        [("grant_type", REALM_GRANT), ("realm", DATABASE), ("username", &*email), ("password", PASSWORD)];
    tenant.token("web", &fields)
}

/// Logs every user in at once, and returns the statuses.
fn log_all_in(tenant: &Tenant) -> Vec<u16> {
    let barrier = Barrier::new(AT_ONCE);
    std::thread::scope(|scope| {
        let logins = (0..AT_ONCE).map(|number| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                log_in(tenant, number).status
            })
        });
        let logins: Vec<_> = logins.collect();
        logins.into_iter().map(|login| login.join().expect("an answer")).collect()
    })
}

pub(crate) fn client(url: &str) -> postgres::Client {
    postgres::Client::connect(url, postgres::NoTls).expect("the server answers")
}

/// Ends every other session.
const CUT: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ligature'";

fn assert_no_panic(tenant: &Tenant) {
    let log = tenant.running.log();
    assert!(!log.contains("panicked"), "{log}");
}

fn ends_well_with_open_connections() -> Result<(), NoServer> {
    let (_server, _, tenant) = started(AT_ONCE)?;
    assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    let log = tenant.running.stop_logged();
    assert!(!log.contains("panicked"), "{log}");
    Ok(())
}

/// The database ends first, and logins are still waiting for it.
fn ends_well_without_its_database() -> Result<(), NoServer> {
    let (mut server, _, tenant) = started(AT_ONCE)?;
    assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    server.stop();
    let log = std::thread::scope(|scope| {
        let http = tenant.http().to_owned();
        for _ in 0..AT_ONCE {
            let http = http.clone();
            let fields = [
                ("grant_type", REALM_GRANT),
                ("realm", DATABASE),
                ("username", "n0@example.com"),
                ("password", PASSWORD),
                ("client_id", "spa"),
            ];
            let login = Request::post("/oauth/token").form(&fields);
            scope.spawn(move || crate::http::exchange(&http, &login.bytes(crate::http::host(&http))));
        }
        std::thread::sleep(Duration::from_millis(300));
        tenant.running.stop_logged()
    });
    assert!(!log.contains("panicked"), "{log}");
    Ok(())
}

fn a_restart_costs_no_login() -> Result<(), NoServer> {
    let (mut server, _, tenant) = started(AT_ONCE)?;
    assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    server.stop();
    server.start_again();
    for _ in 0..3 {
        assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    }
    assert_no_panic(&tenant);
    Ok(())
}

/// Firewalls and operators end idle connections in this way.
fn cut_connections_cost_no_login() -> Result<(), NoServer> {
    let (_server, url, tenant) = started(AT_ONCE)?;
    let mut operator = client(&url);
    for _ in 0..3 {
        assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
        operator.execute(CUT, &[]).expect("sessions end");
        assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    }
    // In the middle of logins.
    let cutting = std::thread::scope(|scope| {
        let logins = scope.spawn(|| (0..20).flat_map(|_| log_all_in(&tenant)).collect::<Vec<_>>());
        while !logins.is_finished() {
            operator.execute(CUT, &[]).expect("sessions end");
            std::thread::sleep(Duration::from_millis(40));
        }
        logins.join().expect("answers")
    });
    assert_eq!(cutting, vec![200; 20 * AT_ONCE]);
    assert_no_panic(&tenant);
    Ok(())
}

/// A server that takes no changes any more, as after a switchover.
fn a_demoted_server_is_left() -> Result<(), NoServer> {
    let (_server, url, tenant) = started(AT_ONCE)?;
    assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    let mut operator = client(&url);
    operator.batch_execute("ALTER SYSTEM SET default_transaction_read_only = on").expect("a setting");
    operator.execute("SELECT pg_reload_conf()", &[]).expect("it is read");
    std::thread::sleep(Duration::from_millis(300));
    let sign_up = || {
        let fields = json!({ "client_id": "web", "connection": DATABASE, "email": "new@example.com", "password": PASSWORD });
        tenant.send(&Request::post("/dbconnections/signup").json(&fields))
    };
    assert_eq!(sign_up().status, 503);
    operator.batch_execute("SET default_transaction_read_only = off").expect("a setting");
    operator.batch_execute("ALTER SYSTEM RESET default_transaction_read_only").expect("a setting");
    operator.execute("SELECT pg_reload_conf()", &[]).expect("it is read");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(sign_up().status, 200);
    assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    Ok(())
}

/// The code that was mailed last.
fn mailed_code(tenant: &Tenant) -> String {
    let messages = tenant.send(&Request::get("/dev/outbox")).json();
    let messages = messages.as_array().expect("messages");
    let code = messages.iter().rev().find_map(|message| message["code"].as_str());
    code.expect("a code").to_owned()
}

fn codes_outlive_an_outage() -> Result<(), NoServer> {
    let (mut server, _, tenant) = started(2)?;
    let mut browser = tenant.browser();
    let answer = by_password(&mut browser, &email(0), &[]).answer();
    let start = json!({ "client_id": "web", "client_secret": crate::tenants::secret_of("web"),
        "connection": "email", "send": "code", "email": "magic@example.com" });
    assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&start)).status, 200);
    let code = mailed_code(&tenant);
    let by_code = [
        ("grant_type", "http://auth0.com/oauth/grant-type/passwordless/otp"),
        ("realm", "email"),
        ("username", "magic@example.com"),
        ("otp", &*code),
    ];
    // On a page of ours, too.
    let (mut person, mut state) = (tenant.browser(), String::new());
    state.push_str(&open(&mut person, &[]));
    let on_page = login_form(&state, "n1@example.com");

    server.stop();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(redeem(&tenant, "web", &answer["code"]).status, 503));
        scope.spawn(|| assert_eq!(tenant.token("web", &by_code).status, 503));
        assert_eq!(person.submit("/u/login", &on_page).status, 503);
    });
    server.start_again();

    let redeemed = redeem(&tenant, "web", &answer["code"]);
    assert_eq!(redeemed.status, 200, "{}", redeemed.text());
    let logged_in = tenant.token("web", &by_code);
    assert_eq!(logged_in.status, 200, "{}", logged_in.text());
    let answered = person.submit("/u/login", &on_page);
    assert!(answered.answer().contains_key("code"), "{}", answered.text());
    // And are good for one login.
    assert_eq!(redeem(&tenant, "web", &answer["code"]).status, 403);
    assert_eq!(tenant.token("web", &by_code).status, 403);
    let audit: Vec<Value> = tenant.log_of("audit");
    let twice = audit.iter().filter(|line| line["message"].to_string().contains("twice")).count();
    assert_eq!(twice, 1, "the one that did come twice: {audit:?}");
    Ok(())
}

fn links_of_mails_outlive_an_outage() -> Result<(), NoServer> {
    let machine = "[[clients]]\nclient_id = \"machine\"\nclient_secret = \"the secret of the machine\"\n\
        scopes = [\"create:user_tickets\"]\ngrant_types = [\"client_credentials\"]\n";
    let (mut server, _, tenant) = started_with(&(machine.to_owned() + &user(0)))?;
    let token = tenant.client_token("machine");
    let ticket = |path: &str, body: Value| {
        let asked = tenant.send(&Request::post(format!("/api/v2/tickets/{path}")).json(&body).bearer(&token));
        assert_eq!(asked.status, 201, "{}", asked.text());
        let link = asked.json()["ticket"].as_str().expect("a link").to_owned();
        link.split_once("ticket=")
            .expect("a ticket")
            .1
            .split(['#', '&'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let password = ticket("password-change", json!({ "user_id": "auth0|n0" }));
    let verification = ticket("email-verification", json!({ "user_id": "auth0|n0" }));
    let set = || {
        let fields = [("ticket", &*password), ("password", "another password 1")];
        tenant.send(&Request::post("/u/reset").form(&fields)).status
    };
    let verify =
        || tenant.send(&Request::post("/u/email-verification").form(&[("ticket", &*verification)])).status;
    server.stop();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(set(), 503));
        assert_eq!(verify(), 503);
    });
    server.start_again();
    assert_eq!((verify(), set()), (200, 200));
    assert_eq!((verify(), set()), (400, 400));
    Ok(())
}

/// Another session holds the lock of one user's row while that user tries to log in.
fn a_locked_row_is_one_users_trouble() -> Result<(), NoServer> {
    let (_server, url, tenant) = started(AT_ONCE)?;
    assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    let mut operator = client(&url);
    let mut holding = operator.transaction().expect("a transaction");
    let held = ["auth0|n0", "auth0|n1", "auth0|n2", "auth0|n3"];
    let rows =
        holding.execute("UPDATE users SET version = version WHERE user_id = ANY($1)", &[&held.as_slice()]);
    assert_eq!(rows.expect("the rows"), held.len() as u64);
    let token = tenant.client_token("web");
    let others = std::thread::scope(|scope| {
        let stuck: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let patch = json!({ "user_metadata": { "a": 1 } });
                    let patch = Request::new("PATCH", "/api/v2/users/auth0%7Cn0").json(&patch).bearer(&token);
                    tenant.send(&patch)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(200));
        let others: Vec<_> = (1..AT_ONCE)
            .map(|number| {
                scope.spawn({
                    let tenant = &tenant;
                    move || log_in(tenant, number).status
                })
            })
            .collect();
        let others: Vec<u16> = others.into_iter().map(|login| login.join().expect("an answer")).collect();
        for stuck in stuck {
            let stuck = stuck.join().expect("an answer");
            assert_eq!((stuck.status, stuck.header("retry-after")), (503, Some("1")), "{}", stuck.text());
            assert_eq!(stuck.json()["statusCode"], 503, "in the Management API's envelope");
        }
        others
    });
    assert_eq!(others, [200; AT_ONCE - 1]);
    // A count is not worth a login, and this one need not wait for ever either.
    assert_eq!(log_in(&tenant, 0).status, 200);
    holding.rollback().expect("it ends");
    assert_eq!(log_all_in(&tenant), [200; AT_ONCE]);
    Ok(())
}

fn waits_for_its_database_at_the_start() -> Result<(), NoServer> {
    let mut server = Postgres::start_private()?;
    let url = server.schema();
    server.stop();
    let tenant = std::thread::scope(|scope| {
        let starting = scope.spawn(|| Tenant::started(&user(0), &["--directory", &url]));
        std::thread::sleep(Duration::from_secs(2));
        assert!(!starting.is_finished(), "there is no database yet");
        server.start_again();
        starting.join().expect("it starts")
    });
    assert_eq!(log_in(&tenant, 0).status, 200);
    let log = tenant.running.log();
    assert!(log.contains("waiting for the directory"), "{log}");
    Ok(())
}

/// Asked to end before it is ready.
fn ends_well_while_it_waits() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("tenant.toml");
    std::fs::write(&config, crate::tenants::CONFIG).expect("a file is written");
    let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["serve", "--port", "0", "--tls-port", "0", "--directory", "postgres://u@127.0.0.1:1/x"])
        .arg("--config")
        .arg(&config)
        .arg("--state")
        .arg(folder.path().join("state"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it runs");
    std::thread::sleep(Duration::from_secs(1));
    let kill =
        std::process::Command::new("sh").args(["-c", "kill -TERM $0", &server.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()), "it waits");
    assert_eq!(server.wait().expect("it ends").code(), Some(0));
}

/// Many clients log in as users whose rows somebody holds: fewer for each than the attempts at a time that
/// a sender has.
fn a_locked_user_leaves_connections_to_others() -> Result<(), NoServer> {
    let (_server, url, tenant) = started(AT_ONCE)?;
    let mut operator = client(&url);
    let mut holding = operator.transaction().expect("a transaction");
    let held = ["auth0|n0", "auth0|n1", "auth0|n2", "auth0|n3"];
    let rows =
        holding.execute("UPDATE users SET version = version WHERE user_id = ANY($1)", &[&held.as_slice()]);
    assert_eq!(rows.expect("the rows"), held.len() as u64);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (tenant, is_over) = (&tenant, &is_over);
        for client in 0..2 * AT_ONCE {
            scope.spawn(move || {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    // A count is not worth a login.
                    assert_eq!(log_in(tenant, client % held.len()).status, 200);
                }
            });
        }
        for _ in 0..3 {
            for number in held.len()..AT_ONCE {
                assert_eq!(log_in(tenant, number).status, 200);
            }
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    Ok(())
}

fn says_whether_it_is_ready() -> Result<(), NoServer> {
    let (mut server, _, tenant) = started(1)?;
    let ready = || {
        let answer = tenant.send(&Request::get("/readyz"));
        (answer.status, answer.text())
    };
    assert_eq!(ready(), (200, "ready\n".to_owned()));
    server.stop();
    // A result is kept for two seconds.
    let changed = |from: u16| {
        let mut later = std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(100));
            ready()
        });
        later.by_ref().take(100).find(|(status, _)| *status != from).expect("the status changes")
    };
    let (status, words) = changed(200);
    assert_eq!(status, 503, "{words}");
    tenant.assert_well();
    assert_eq!(log_in(&tenant, 0).status, 503);
    let metrics = tenant.send(&Request::get("/metrics")).text();
    let failed = metrics.lines().find_map(|line| {
        line.strip_prefix("ligature_directory_errors_total{kind=\"unavailable\"} ")?.parse::<u64>().ok()
    });
    assert!(failed.is_some_and(|failed| failed > 0), "{metrics}");
    assert!(metrics.contains("ligature_directory_connections{kind=\"limit\"} 16"), "{metrics}");
    server.start_again();
    assert_eq!(changed(503), (200, "ready\n".to_owned()));
    Ok(())
}

/// A browser without cookies begins to link: the request reads the user, on a connection
/// that has been idle and that the pool tests before it hands it out.
fn a_link_request_of_a_new_browser_is_served() -> Result<(), NoServer> {
    let (_server, _, tenant) = started(1)?;
    let email = email(0);
    let fields = [
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", &*email),
        ("password", PASSWORD),
        ("scope", "openid"),
    ];
    let hint = text(&tenant.token("web", &fields).json()["id_token"]);
    let request = authorize(&[
        ("scope", "openid link_account"),
        ("id_token_hint", &hint),
        ("requested_connection", "google-oauth2"),
    ]);
    for idle in [Duration::ZERO, Duration::from_millis(1500)] {
        std::thread::sleep(idle);
        let response = tenant.send(&Request::get(&request));
        assert_eq!(response.status, 302, "{}", response.text());
        assert!(!response.location().contains("error="), "{}", response.location());
    }
    assert_no_panic(&tenant);
    Ok(())
}
