//! `ligature hook --record`, and `ligature replay` of what it has written.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::service::{Place, SECRET, Service, codes, event, event_of, now, program, signed};

crate::tests![
    recorded_logins_are_decided_again_without_their_directory,
    one_login_in_so_many_is_recorded,
    a_recording_holds_no_secret_of_the_event,
    masked_recordings_hold_no_address_and_are_replayed,
    a_login_is_decided_although_it_cannot_be_recorded,
    a_killed_service_leaves_whole_recordings_only,
    a_folder_that_cannot_take_recordings_is_told_at_the_start,
    the_oldest_recordings_make_room,
    another_policy_is_tried_on_recorded_logins,
];

const FOLDER: &str = "recordings";

/// Waits for `expected` recordings in the folder, and returns them.
fn recordings(place: &Place, expected: usize) -> Vec<PathBuf> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let entries = fs::read_dir(place.file(FOLDER)).expect("the folder is there");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
        files.retain(|file| file.extension().is_some_and(|it| it == "json"));
        files.sort();
        if files.len() >= expected || Instant::now() > until {
            assert_eq!(files.len(), expected, "{files:?}");
            return files;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start(place: &Place, more: &[&str]) -> Service {
    place.start(&[&["--record", FOLDER], more].concat())
}

/// Runs `ligature replay` without a directory, and returns its exit code and its output.
fn replay(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let output = program().arg("replay").args(arguments).current_dir(place.folder.path()).output();
    let output = output.expect("the program runs");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
    assert!(!said.contains("panicked"), "{said}");
    (output.status.code(), said)
}

fn stop(mut service: Service) -> String {
    service.signal("TERM");
    let (code, log) = service.wait();
    assert_eq!(code, Some(0), "{log}");
    log
}

fn recorded_logins_are_decided_again_without_their_directory() {
    let place = Place::new();
    let service = start(&place, &[]);
    assert_eq!(codes(&service.ask(&event()))[0], "LINKED_VERIFIED_BOTH");
    service.ask(&event());
    service.ask(&event_of("google-oauth2|9", "someone@example.com", "google-oauth2"));
    stop(service);
    let files = recordings(&place, 3);
    #[cfg(unix)]
    for file in &files {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(file).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    fs::remove_file(place.file("users.db")).expect("the directory was there");
    let (code, said) = replay(&place, &[FOLDER]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("3 recorded logins: 3 as recorded\n"), "{said}");

    // A changed answer of the directory is another decision.
    let text = fs::read_to_string(&files[0]).expect("a recording");
    let name = files[0].to_str().expect("UTF-8");
    fs::write(name, text.replace("LINKED_VERIFIED_BOTH", "LINKED_BY_MOONLIGHT")).expect("it is written");
    let (code, said) = replay(&place, &[name]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("call 4\n") && said.contains("LINKED_BY_MOONLIGHT"), "{said}");
}

fn one_login_in_so_many_is_recorded() {
    let place = Place::new();
    let service = start(&place, &["--record-one-in", "3"]);
    for number in 0..7 {
        service.ask(&event_of(&format!("google-oauth2|{number}"), "someone@example.com", "google-oauth2"));
    }
    stop(service);
    let titles: Vec<String> = recordings(&place, 3).iter().map(|file| title(file)).collect();
    let expected = [0, 3, 6].map(|number| format!("The login of google-oauth2|{number}: proceed"));
    assert_eq!(titles, expected);
}

fn title(file: &Path) -> String {
    let case: Value = serde_json::from_slice(&fs::read(file).expect("a file")).expect("JSON");
    case["title"].as_str().expect("a title").to_owned()
}

/// The unit tests of the redaction try every field of an event; this one tries the whole way.
fn a_recording_holds_no_secret_of_the_event() {
    let place = Place::new();
    let service = start(&place, &[]);
    let mut login = event();
    login["secrets"] = json!({ "KEY": "c4nary" });
    login["request"] = json!({
        "ip": "192.0.2.44", "method": "GET", "user_agent": "c4nary", "headers": { "cookie": "c4nary" },
        "query": { "code": "c4nary", "state": "c4nary" }, "body": { "password": "c4nary" },
    });
    login["transaction"]["login_hint"] = json!("c4nary@example.com");
    login["transaction"]["redirect_uri"] = json!("https://c4nary.example.com");
    login["refresh_token"] = json!({ "id": "c4nary", "token": "c4nary" });
    login["session"] = json!({ "id": "c4nary", "cookie": "c4nary" });
    login["cookies"] = json!(["c4nary"]);
    login["user"]["identities"][0]["access_token"] = json!("c4nary");
    login["user"]["app_metadata"] = json!({ "api_key": "c4nary", "deep": { "refresh_token": "c4nary" } });
    login["user"]["last_ip"] = json!("192.0.2.44");
    service.ask(&login);
    let log = stop(service);
    let file = recordings(&place, 1).remove(0);
    let text = fs::read_to_string(&file).expect("a recording");
    for secret in ["c4nary", "192.0.2.44"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(!log.contains("c4nary"), "{log}");
    assert!(text.contains("\"event.request.query\""), "what is left out is named: {text}");
    assert_eq!(replay(&place, &[FOLDER]).0, Some(0));
}

fn masked_recordings_hold_no_address_and_are_replayed() {
    let place = Place::new();
    let service = start(&place, &["--mask-addresses"]);
    assert_eq!(codes(&service.ask(&event()))[0], "LINKED_VERIFIED_BOTH");
    let samlp = "samlp|acme|Grace.Hopper@corp.com";
    service.ask(&event_of(samlp, "grace.hopper@corp.com", "acme"));
    service.ask(&event_of("samlp|acme|grace.hopper@example.com", "grace.hopper@example.com", "acme"));
    stop(service);
    for file in recordings(&place, 3) {
        let text = fs::read_to_string(file).expect("a recording").to_lowercase();
        for part in ["ada.lovelace", "lovelace", "grace", "hopper"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
    }
    let (code, said) = replay(&place, &[FOLDER]);
    assert_eq!((code, said.ends_with("3 as recorded\n")), (Some(0), true), "{said}");
}

fn a_login_is_decided_although_it_cannot_be_recorded() {
    let place = Place::new();
    let service = start(&place, &[]);
    // As on a disk that went away.
    fs::remove_dir_all(place.file(FOLDER)).expect("the folder was there");
    place.write(FOLDER, "");
    let answer = service.ask(&event());
    assert_eq!(answer["action"], "set_primary_user", "{answer}");
    service.log_with("a login was not recorded");
    assert_eq!(service.ask(&event())["action"], "set_primary_user");
    stop(service);
}

fn a_killed_service_leaves_whole_recordings_only() {
    let place = Place::new();
    let mut service = start(&place, &[]);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..10_000).take_while(|number| try_to_ask(&service, *number).is_ok()).count());
        let until = Instant::now() + Duration::from_secs(30);
        while fs::read_dir(place.file(FOLDER)).expect("a folder").count() < 20 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        service.signal("KILL");
    });
    service.wait();
    let (code, said) = replay(&place, &[FOLDER]);
    assert_eq!(code, Some(0), "{said}");
    let recorded = fs::read_dir(place.file(FOLDER)).expect("a folder").count();
    assert!(recorded >= 20, "{recorded}");
}

/// Asks about a login of a service that may have been killed.
fn try_to_ask(service: &Service, number: usize) -> std::io::Result<usize> {
    let event = event_of(&format!("google-oauth2|{number}"), "someone@example.com", "google-oauth2");
    let host = crate::http::host(&service.url);
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(&signed(&event, SECRET, now()).bytes(host))?;
    stream.read(&mut [0; 1024])
}

fn a_folder_that_cannot_take_recordings_is_told_at_the_start() {
    let place = Place::new();
    place.write("file", "");
    for (more, expected) in [(&["--check"][..], "error: recordings: file: "), (&[], "error: file: ")] {
        let mut command = program();
        command.args(["hook", "--listen", "127.0.0.1:0", "--record", "file", "--secret-file", "secret"]);
        command.args(["--directory", &place.directory]).args(more).current_dir(place.folder.path());
        let output = command.output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains(&format!("{expected}this is not a folder; name a folder for the recordings")),
            "{said}"
        );
    }
    // A check creates nothing.
    let mut command = program();
    command.args([
        "hook",
        "--check",
        "--listen",
        "127.0.0.1:0",
        "--record",
        "new/folder",
        "--secret-file",
        "secret",
    ]);
    let output = command.args(["--directory", &place.directory]).current_dir(place.folder.path()).output();
    assert!(output.expect("the program runs").status.success() && !place.file("new").exists());
}

fn the_oldest_recordings_make_room() {
    let place = Place::new();
    let service = start(&place, &["--record-files", "2"]);
    for number in 0..5 {
        service.ask(&event_of(&format!("google-oauth2|{number}"), "someone@example.com", "google-oauth2"));
    }
    stop(service);
    let titles: Vec<String> = recordings(&place, 2).iter().map(|file| title(file)).collect();
    assert_eq!(titles, [3, 4].map(|number| format!("The login of google-oauth2|{number}: proceed")));
}

/// The policy that links is tried on logins that were only observed, and the other way round.
fn another_policy_is_tried_on_recorded_logins() {
    let place = Place::new();
    let auto = fs::read_to_string(place.file("policy.json")).expect("the policy");
    place.write("auto.json", &auto);
    place.write("observe.json", auto.replace("\"auto\"", "\"observe\""));
    let record = |policy: &str| {
        place.write("policy.json", fs::read(place.file(policy)).expect("a policy"));
        let service = start(&place, &[]);
        service.ask(&event());
        service.ask(&event_of("google-oauth2|9", "someone@example.com", "google-oauth2"));
        stop(service);
    };
    record("observe.json");
    let (code, said) = replay(&place, &["--policy", "auto.json", FOLDER]);
    assert_eq!(code, Some(3), "{said}");
    let call =
        "not known from the recording: the answer to accounts.link google-oauth2|115014287643218005122 into";
    assert!(said.contains(call), "{said}");
    assert!(said.ends_with("2 recorded logins: 1 as recorded, 1 not known from the recording\n"), "{said}");

    fs::remove_dir_all(place.file(FOLDER)).expect("recordings");
    record("auto.json");
    let (code, said) = replay(&place, &["--policy", "observe.json", "--json", FOLDER]);
    assert_eq!(code, Some(3), "{said}");
    let told: Value = serde_json::from_str(&said).expect("JSON");
    let count = |key: &str| told[key].as_u64().expect("a count");
    assert_eq!(
        (count("same") + count("other_reasons"), count("differ"), count("not_known")),
        (1, 1, 0),
        "{said}"
    );
    let changed = told["logins"]
        .as_array()
        .expect("logins")
        .iter()
        .find(|it| it["reconsidered"]["now"] == "proceed" && it["reconsidered"]["then"] != "proceed");
    let changed = &changed.expect("the changed login")["reconsidered"];
    assert!(changed["reasons_now"].as_array().expect("codes").contains(&json!("WOULD_LINK")), "{said}");
    let (code, said) = replay(&place, &["--policy", "auto.json", FOLDER]);
    assert_eq!((code, said.as_str()), (Some(0), "\n2 recorded logins: 2 as recorded\n"));
}
