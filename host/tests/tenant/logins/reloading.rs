//! Another policy, another plugin, while logins continue.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{AUTO, File, subject};
use crate::tenants::{Tenant, database_user, open};

crate::tests![
    another_policy_is_taken,
    a_policy_beside_files_that_are_written_all_the_time,
    a_policy_behind_links,
    a_policy_in_a_folder_that_is_swapped,
    a_folder_that_is_removed_and_comes_back,
    a_policy_that_is_written_all_the_time,
    a_broken_policy_is_not,
    a_broken_policy_is_logged_with_key_place_and_suggestion,
    what_a_policy_gives_up_is_logged_at_the_start_and_at_a_reload,
    another_plugin_is_taken_and_a_broken_one_is_not,
    a_later_file_takes_the_place_of_one_that_still_compiles,
    a_hang_up_reads_again,
];

const OFF: &str = r#"{"mode": "off"}"#;

fn started(args: &[&str]) -> Tenant {
    let users = ["one", "two", "three", "four"].map(|id| database_user(id, &format!("{id}@example.com")));
    Tenant::started(&users.concat(), args)
}

/// Waits until the log has `lines` lines with this message.
pub(super) fn wait(tenant: &Tenant, message: &str, lines: usize) {
    let until = Instant::now() + Duration::from_mins(1);
    while tenant.log().iter().filter(|line| line["message"] == message).count() < lines {
        assert!(Instant::now() < until, "never {message:?}: {}", tenant.running.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

const RELOADED: &str = "plugin and policy reloaded";
const REFUSED: &str = "not reloaded: the previous plugin and policy stay in force";

/// Returns whether a login with Google is linked with the account of this name.
fn is_linked(tenant: &Tenant, id: &str) -> bool {
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let email = format!("{id}@example.com");
    let fields = [
        ("state", state.as_str()),
        ("connection", "google-oauth2"),
        ("user_id", id),
        ("email", &email),
        ("email_verified", "true"),
    ];
    subject(tenant, &browser.submit("/u/stand-in", &fields)) == format!("auth0|{id}")
}

fn another_policy_is_taken() {
    let policy = File::with(OFF);
    let tenant = started(&["--policy", policy.name()]);
    assert!(!is_linked(&tenant, "one"));
    policy.write(AUTO);
    wait(&tenant, RELOADED, 1);
    assert!(is_linked(&tenant, "two"));
    // As editors do it: another file takes the name.
    let draft = File::with(OFF);
    std::fs::copy(&draft.path, policy.path.with_extension("new")).expect("a copy");
    std::fs::rename(policy.path.with_extension("new"), &policy.path).expect("it is renamed");
    wait(&tenant, RELOADED, 2);
    assert!(!is_linked(&tenant, "three"));
}

fn a_broken_policy_is_not() {
    let policy = File::with(AUTO);
    let tenant = started(&["--policy", policy.name()]);
    for (number, broken) in
        ["{", r#"{"mode": "automatic"}"#, r#"{"mod": "auto"}"#, "[]"].into_iter().enumerate()
    {
        policy.write(broken);
        wait(&tenant, REFUSED, number + 1);
    }
    assert!(is_linked(&tenant, "one"));
    std::fs::remove_file(&policy.path).expect("it is removed");
    wait(&tenant, REFUSED, 5);
    assert!(is_linked(&tenant, "two"));
    assert!(!tenant.log().iter().any(|line| line["message"] == RELOADED));
    policy.write(OFF);
    wait(&tenant, RELOADED, 1);
    assert!(!is_linked(&tenant, "three"));
}

/// The lines of the log with this message.
fn lines(tenant: &Tenant, message: &str) -> Vec<serde_json::Value> {
    tenant.log().into_iter().filter(|line| line["message"] == message).collect()
}

fn a_broken_policy_is_logged_with_key_place_and_suggestion() {
    let policy = File::with(AUTO);
    let tenant = started(&["--policy", policy.name()]);
    let why = |number: usize| {
        wait(&tenant, REFUSED, number);
        let error = lines(&tenant, REFUSED)[number - 1]["error"].as_str().expect("a text").to_owned();
        error.strip_prefix(policy.name()).expect("the file").to_owned()
    };
    policy.write("{\r\n  \"prompts\": {\r\n    \"max\": 3,\r\n    \"grace\": true\r\n  }\r\n}\r\n");
    let expected = ", line 4, column 17: the policy: `prompts.grace`: expected a whole number from 0 to 4294967295, not `true`";
    assert_eq!(why(1), expected);
    assert!(is_linked(&tenant, "one"));
    policy.write("{\n  \"mode\": \"atuo\"\n}\n");
    tenant.running.signal("HUP");
    let told = why(2);
    let (place, known) =
        (", line 2, column 16: the policy: `mode`: unknown value `atuo`, ", "; did you mean `auto`?");
    assert!(told.starts_with(place) && told.ends_with(known), "{told}");
    assert!(is_linked(&tenant, "two"));
}

const GIVEN_UP: &str = "the policy removes a protection or has an option without effect";

fn what_a_policy_gives_up_is_logged_at_the_start_and_at_a_reload() {
    let policy = File::with("{\n  \"mode\": \"auto\",\n  \"mfa\": \"ignore\"\n}");
    let tenant = started(&["--policy", policy.name()]);
    let warning = |number: usize| {
        wait(&tenant, GIVEN_UP, number);
        lines(&tenant, GIVEN_UP)[number - 1]["warning"]
            .as_str()
            .expect("a text")
            .replace(policy.name(), "p.json")
    };
    assert_eq!(
        warning(1),
        "p.json, line 3, column 3: the policy: `mfa`: A login without a second factor gets access to an \
         account that has one. (S-53 in docs/security.md)"
    );
    policy.write("{\"unlink_cooldown_days\": 0}");
    wait(&tenant, RELOADED, 1);
    assert!(warning(2).starts_with("p.json, line 1, column 2: the policy: `unlink_cooldown_days`: "));
}

fn another_plugin_is_taken_and_a_broken_one_is_not() {
    // The minimal plugin links by itself; the built-in one, without a policy,
    // does not.
    let plugin = File::with(ligature_test_guests::MINIMAL);
    let tenant = started(&["--plugin", plugin.name()]);
    assert!(is_linked(&tenant, "one"));
    plugin.write("no component");
    wait(&tenant, REFUSED, 1);
    assert!(is_linked(&tenant, "two"));
    plugin.write(ligature_host::PLUGIN);
    wait(&tenant, RELOADED, 1);
    assert!(!is_linked(&tenant, "three"));
}

fn a_later_file_takes_the_place_of_one_that_still_compiles() {
    let plugin = File::with(ligature_test_guests::MINIMAL);
    let limits = File::with("[limits]\ncompile_ms = 600000\n");
    let tenant = started(&["--plugin", plugin.name(), "--limits", limits.name()]);
    plugin.write(ligature_test_guests::with_module(
        ligature_test_guests::MINIMAL,
        &ligature_test_guests::slow_to_compile(),
    ));
    // One at the start, and the one that goes on and on.
    wait(&tenant, "loading a plugin", 2);
    assert!(is_linked(&tenant, "one"), "logins go on meanwhile");
    plugin.write(ligature_host::PLUGIN);
    wait(&tenant, RELOADED, 1);
    assert!(!is_linked(&tenant, "two"), "the later file is in force");
    wait(&tenant, "a newer file replaces the one that was being compiled", 1);
}

/// A folder in which something is written every few milliseconds.
struct Busy {
    ended: Arc<AtomicBool>,
    writing: Option<JoinHandle<()>>,
}

impl Busy {
    fn with(write: impl Fn() + Send + 'static) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let still = ended.clone();
        let writing = std::thread::spawn(move || {
            while !still.load(Ordering::Relaxed) {
                write();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { ended, writing: Some(writing) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.writing.take().into_iter().for_each(|it| it.join().expect("it wrote"));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// `users.db` is such a file.
fn a_policy_beside_files_that_are_written_all_the_time() {
    let policy = File::with(OFF);
    let beside = policy.path.with_file_name("users.db-wal");
    let _busy = Busy::with(move || std::fs::write(&beside, "a page").expect("a file is written"));
    let tenant = started(&["--policy", policy.name()]);
    policy.write(AUTO);
    wait(&tenant, RELOADED, 1);
    assert!(is_linked(&tenant, "one"));
}

fn a_policy_behind_links() {
    let policy = File::with(OFF);
    let place = tempfile::tempdir().expect("a temporary folder");
    // A link to a link to a folder.
    let (folder, file) = (place.path().join("folder"), place.path().join("policy.json"));
    linked(policy.path.parent().expect("a folder"), &folder);
    linked(&folder.join("file"), &file);
    let tenant = started(&["--policy", text(&file)]);
    policy.write(AUTO);
    wait(&tenant, RELOADED, 1);
    assert!(is_linked(&tenant, "one"));
    // Each of the links leads elsewhere.
    let other = File::with(OFF);
    replaced(other.path.parent().expect("a folder"), &folder);
    wait(&tenant, RELOADED, 2);
    assert!(!is_linked(&tenant, "two"));
    replaced(&policy.path, &file);
    wait(&tenant, RELOADED, 3);
    assert!(is_linked(&tenant, "three"));
}

/// Kubernetes swaps a symbolic link to replace the files of a mounted folder.
fn a_policy_in_a_folder_that_is_swapped() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| place.path().join(name);
    let version = |name: &str, policy: &str| {
        std::fs::create_dir(at(name)).expect("a folder");
        std::fs::write(at(name).join("policy.json"), policy).expect("a file is written");
    };
    version("..first", OFF);
    linked(Path::new("..first"), &at("..data"));
    linked(Path::new("..data/policy.json"), &at("policy.json"));
    let tenant = started(&["--policy", text(&at("policy.json"))]);
    assert!(!is_linked(&tenant, "one"));
    version("..second", AUTO);
    replaced(Path::new("..second"), &at("..data"));
    std::fs::remove_dir_all(at("..first")).expect("it is removed");
    wait(&tenant, RELOADED, 1);
    assert!(is_linked(&tenant, "two"));
}

fn a_folder_that_is_removed_and_comes_back() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("policies");
    let file = folder.join("policy.json");
    let make = |policy: &str| {
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(&file, policy).expect("a file is written");
    };
    make(OFF);
    let tenant = started(&["--policy", text(&file)]);
    for (round, (policy, id, is_auto)) in [(AUTO, "one", true), (OFF, "two", false)].into_iter().enumerate() {
        std::fs::remove_dir_all(&folder).expect("it is removed");
        wait(&tenant, REFUSED, round + 1);
        make(policy);
        wait(&tenant, RELOADED, round + 1);
        assert_eq!(is_linked(&tenant, id), is_auto);
    }
}

/// The file is valid at every moment, and does not stop changing.
fn a_policy_that_is_written_all_the_time() {
    let policy = File::with(OFF);
    let tenant = started(&["--policy", policy.name()]);
    policy.write(AUTO);
    let path = policy.path.clone();
    let _busy = Busy::with(move || {
        let file = std::fs::File::options().append(true).open(&path);
        file.and_then(|mut file| file.write_all(b"\n")).expect("a line is added");
    });
    wait(&tenant, "a reload is waiting: the file is still being written", 1);
    wait(&tenant, RELOADED, 1);
    assert!(is_linked(&tenant, "one"));
}

fn a_hang_up_reads_again() {
    let policy = File::with(AUTO);
    let tenant = started(&["--policy", policy.name()]);
    tenant.running.signal("HUP");
    wait(
        &tenant,
        "plugin and policy were read again, and are unchanged; the configuration is read only at the start",
        1,
    );
    assert!(is_linked(&tenant, "one"));
    policy.write(OFF);
    tenant.running.signal("HUP");
    wait(&tenant, RELOADED, 1);
    assert!(!is_linked(&tenant, "two"));
    policy.write("{");
    tenant.running.signal("HUP");
    wait(&tenant, REFUSED, 1);
    assert!(!is_linked(&tenant, "three"));
}

fn linked(file: &Path, link: &Path) {
    std::os::unix::fs::symlink(file, link).expect("a link");
}

/// A link in the place of the one there was, at one moment.
fn replaced(file: &Path, link: &Path) {
    let draft = link.with_file_name("draft");
    linked(file, &draft);
    std::fs::rename(draft, link).expect("it is renamed");
}
