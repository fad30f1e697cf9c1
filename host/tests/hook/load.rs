//! Many logins, slow directories, and the end of the service.

use std::io::Write;
use std::sync::Barrier;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use libtest_mimic::Completion;
use ligature_test_servers::{NoServer, Postgres};
use serde_json::{Value, json};

use crate::http::{Response, connect, host, send};
use crate::service::{DATABASE, GOOGLE, Place, SECRET, Service, codes, event, event_of, now, signed};

crate::tests![
    a_login_that_finds_no_place_is_refused_at_once,
    as_many_logins_are_decided_at_once_as_the_option_says,
    a_login_is_never_held_longer_than_its_limit,
    nothing_is_linked_after_the_answer,
    nothing_is_linked_after_the_action_has_hung_up,
    two_logins_at_once_of_one_person_are_linked_once,
    a_login_that_is_under_way_is_answered_before_the_end,
    a_directory_that_is_away_is_told_and_the_login_goes_on,
    two_services_share_a_database,
    after_many_logins_a_policy_that_was_read_once_decides_the_same,
];

/// Keeps the SQLite directory locked for writers, so that a first login waits.
fn lock(place: &Place) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(place.file("users.db")).expect("a database");
    connection.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    connection
}

/// Asks about a login in another thread. Returns the answer and its duration.
fn ask_later(service: &Service, event: Value) -> JoinHandle<(Response, Duration)> {
    let url = service.url.clone();
    std::thread::spawn(move || {
        let start = Instant::now();
        let response = send(&url, &signed(&event, SECRET, now()));
        (response, start.elapsed())
    })
}

/// Options for a service whose logins may take this time.
fn within(place: &Place, deadline_ms: u32) -> [String; 2] {
    place.write("limits.toml", format!("[limits]\ndeadline_ms = {deadline_ms}\n"));
    ["--limits".to_owned(), place.file("limits.toml").to_str().expect("UTF-8").to_owned()]
}

fn other(number: usize) -> Value {
    event_of(&format!("google-oauth2|{number}"), &format!("n{number}@example.com"), "google-oauth2")
}

/// Waits until `deciding` logins are being decided and `waiting` logins wait.
fn wait_for_queue(service: &Service, deciding: usize, waiting: usize) {
    let expected = [
        format!("ligature_hook_queue{{kind=\"deciding\"}} {deciding}\n"),
        format!("ligature_hook_queue{{kind=\"waiting\"}} {waiting}\n"),
    ];
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let page = service.get("/metrics").text();
        if expected.iter().all(|line| page.contains(line)) {
            return;
        }
        assert!(Instant::now() < until, "{page}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn a_login_that_finds_no_place_is_refused_at_once() {
    let place = Place::new();
    let [option, limits] = within(&place, 10_000);
    let service = place.start(&[&option, &limits, "--concurrent-logins", "1", "--waiting-logins", "1"]);
    let locked = lock(&place);
    let first = ask_later(&service, other(1));
    wait_for_queue(&service, 1, 0);
    let second = ask_later(&service, other(2));
    wait_for_queue(&service, 1, 1);
    let request = signed(&other(3), SECRET, now());
    let start = Instant::now();
    let refused = service.send(&request);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.json()["error"], "queue_full");
    service.log_with("queue_full");
    locked.execute_batch("ROLLBACK").expect("it was locked");
    for login in [first, second] {
        let (answered, _) = login.join().expect("an answer");
        assert_eq!(answered.json()["action"], "proceed", "{}", answered.text());
    }
    // The signature was not used up: the same request may be sent again.
    assert_eq!(service.send(&request).json()["action"], "proceed");
}

/// The runtime has 512 threads for blocking work if it is not told otherwise. The others would wait for
/// one, and count as being decided.
fn as_many_logins_are_decided_at_once_as_the_option_says() -> Completion {
    const LOGINS: usize = 600;
    if !cfg!(target_os = "linux") {
        return Completion::ignored_with("there is no /proc, where the threads are counted");
    }
    let place = Place::new();
    let [option, limits] = within(&place, 60_000);
    let service = place.start(&[&option, &limits, "--concurrent-logins", &LOGINS.to_string()]);
    let locked = lock(&place);
    let logins: Vec<_> = (0..LOGINS).map(|number| ask_later(&service, other(number))).collect();
    wait_for_queue(&service, LOGINS, 0);
    let tasks = format!("/proc/{}/task", service.pid());
    let count = || std::fs::read_dir(&tasks).expect("the service runs").count();
    let until = Instant::now() + Duration::from_secs(10);
    while count() < LOGINS {
        assert!(Instant::now() < until, "{} threads", count());
        std::thread::sleep(Duration::from_millis(20));
    }
    locked.execute_batch("ROLLBACK").expect("it was locked");
    for login in logins {
        let (answered, _) = login.join().expect("an answer");
        assert_eq!(answered.json()["action"], "proceed", "{}", answered.text());
    }
    Completion::Completed
}

fn a_login_is_never_held_longer_than_its_limit() {
    let place = Place::new();
    let [option, limits] = within(&place, 400);
    for (on_failure, action) in [("proceed", "proceed"), ("deny", "deny")] {
        let service = place.start(&[&option, &limits, "--on-failure", on_failure]);
        let locked = lock(&place);
        let (answered, took) = ask_later(&service, other(1)).join().expect("an answer");
        let answer = answered.json();
        assert_eq!((answered.status, &answer["action"]), (200, &json!(action)), "{answer}");
        assert_eq!(codes(&answer), ["LOGIN_TIMED_OUT"]);
        assert!((Duration::from_millis(400)..Duration::from_millis(1_500)).contains(&took), "{took:?}");
        drop(locked);
    }
}

/// The link waits for the lock of the database, and gets it after the answer.
fn nothing_is_linked_after_the_answer() {
    let place = Place::new();
    let [option, limits] = within(&place, 400);
    let service = place.start(&[&option, &limits]);
    let locked = lock(&place);
    // Its user cannot be created yet.
    let (answered, _) = ask_later(&service, event()).join().expect("an answer");
    assert_eq!(codes(&answered.json()), ["LOGIN_TIMED_OUT"]);
    service.log_with(&format!("user={GOOGLE} code=\"LOGIN_TIMED_OUT\""));
    locked.execute_batch("ROLLBACK").expect("it was locked");
    // The login is decided to its end, behind the closed gate.
    service.log_with("login decided");
    assert_eq!(place.links(), 0, "{}", service.log());
    assert_eq!(service.ask(&event())["action"], "set_primary_user");
    assert_eq!(place.links(), 1);
}

fn nothing_is_linked_after_the_action_has_hung_up() {
    let place = Place::new();
    let [option, limits] = within(&place, 10_000);
    let service = place.start(&[&option, &limits]);
    let locked = lock(&place);
    let mut stream = connect(&service.url);
    stream.write_all(&signed(&event(), SECRET, now()).bytes(host(&service.url))).expect("it is sent");
    wait_for_queue(&service, 1, 0);
    drop(stream);
    // The service sees the end of the connection.
    std::thread::sleep(Duration::from_millis(200));
    locked.execute_batch("ROLLBACK").expect("it was locked");
    service.log_with("login decided");
    assert_eq!(place.links(), 0, "{}", service.log());
}

fn two_logins_at_once_of_one_person_are_linked_once() {
    let place = Place::new();
    let service = place.start(&[]);
    link_at_once(&place, &[&service, &service]);
}

/// The same first login, several times at once.
fn link_at_once(place: &Place, services: &[&Service]) {
    let barrier = Barrier::new(services.len());
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let logins: Vec<_> = services
            .iter()
            .map(|service| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let request = signed(&event(), SECRET, now());
                    barrier.wait();
                    service.send(&request).json()
                })
            })
            .collect();
        logins.into_iter().map(|login| login.join().expect("an answer")).collect()
    });
    for answer in &answers {
        assert_eq!(answer["action"], "set_primary_user", "{answers:?}");
        assert_eq!(answer["primary_user_id"], DATABASE, "{answers:?}");
    }
    assert_eq!(place.links(), 1);
}

fn a_login_that_is_under_way_is_answered_before_the_end() {
    let place = Place::new();
    let [option, limits] = within(&place, 10_000);
    let mut service = place.start(&[&option, &limits]);
    let locked = lock(&place);
    let login = ask_later(&service, event());
    wait_for_queue(&service, 1, 0);
    service.signal("TERM");
    service.log_with("ending: waiting for running requests");
    drop(locked);
    let (answered, _) = login.join().expect("an answer");
    assert_eq!(answered.json()["action"], "set_primary_user", "{}", answered.text());
    let (code, log) = service.wait();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(place.links(), 1);
    assert!(!place.file("users.db-wal").exists(), "the directory is closed");
}

fn on_postgres(server: &Postgres) -> Place {
    Place::with_directory(tempfile::tempdir().expect("a temporary folder"), server.schema())
}

fn a_directory_that_is_away_is_told_and_the_login_goes_on() -> Result<(), NoServer> {
    let mut server = Postgres::start_private()?;
    let place = on_postgres(&server);
    let service = place.start(&[]);
    assert_eq!(service.get("/readyz").status, 200);
    server.stop();
    let start = Instant::now();
    let answer = service.ask(&event());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(answer["action"], "proceed", "{answer}");
    assert!(["DIRECTORY_FAILED", "LOGIN_TIMED_OUT"].contains(&codes(&answer)[0]), "{answer}");
    // A result is kept for two seconds.
    let until = Instant::now() + Duration::from_secs(20);
    let ready = loop {
        let ready = service.get("/readyz");
        if ready.status != 200 || Instant::now() > until {
            break ready;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(ready.status == 503 && ready.text().starts_with("not ready: "), "{}", ready.text());
    assert_eq!(service.get("/healthz").status, 200);
    service.log_with("a login could not be decided");
    server.start_again();
    let until = Instant::now() + Duration::from_secs(20);
    while service.get("/readyz").status != 200 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(service.ask(&event())["action"], "set_primary_user");
    Ok(())
}

/// Two processes behind a balancer share the database, and nothing else.
fn two_services_share_a_database() -> Result<(), NoServer> {
    let server = Postgres::start()?;
    let place = on_postgres(&server);
    let (first, second) = (place.start(&[]), place.start(&[]));
    link_at_once(&place, &[&first, &second, &first, &second]);
    Ok(())
}

fn after_many_logins_a_policy_that_was_read_once_decides_the_same() {
    let usual = Place::new();
    let decided = usual.start(&[]).ask(&event());
    let place = Place::new();
    let service = place.start(&[]);
    for number in 0..=1_000 {
        let mut unverified = other(number);
        unverified["user"]["email_verified"] = json!(false);
        assert_eq!(service.ask(&unverified)["action"], "proceed");
    }
    // Two compilations by a development build.
    let until = Instant::now() + Duration::from_mins(2);
    while !service.log().contains("the plugin has read its policy document once for all logins") {
        assert!(Instant::now() < until, "no snapshot:\n{}", service.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(service.ask(&event()), decided);
    // The entry names the same plugin and document.
    assert_eq!(policy_of_link(&place), policy_of_link(&usual));
    place.write("policy.json", json!({ "mode": "off" }).to_string());
    service.log_with("plugin and policy reloaded");
    assert_eq!(codes(&service.ask(&other(7))), ["POLICY_DISABLED"]);
}

/// The lines of the only link's journal entry that name its policy.
fn policy_of_link(place: &Place) -> Vec<String> {
    let print = |arguments: &[&str]| {
        let output = place.ligature(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let listed = print(&["journal", "list"]);
    let link = listed.lines().find(|line| line.contains("  link ")).expect("a link");
    let id = link.split_whitespace().next().expect("an id");
    let shown = print(&["journal", "show", id]);
    let is_policy = |line: &&str| ["policy ", "plugin "].iter().any(|name| line.trim().starts_with(name));
    let lines: Vec<String> = shown.lines().filter(is_policy).map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{shown}");
    lines
}
