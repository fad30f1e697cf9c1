//! Another policy, another plugin, while logins go on.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{AUTO, File, subject};
use crate::tenants::{Tenant, database_user, open};

crate::tests![
    another_policy_is_taken,
    a_broken_policy_is_not,
    another_plugin_is_taken_and_a_broken_one_is_not,
    a_later_file_takes_the_place_of_one_that_still_compiles,
    a_hang_up_reads_again,
];

const OFF: &str = r#"{"mode": "off"}"#;

fn started(args: &[&str]) -> Tenant {
    let users = ["one", "two", "three", "four"].map(|id| database_user(id, &format!("{id}@example.com")));
    Tenant::started(&users.concat(), args)
}

/// Waits until the log has so many lines of this message.
pub(super) fn wait(tenant: &Tenant, message: &str, lines: usize) {
    let until = Instant::now() + Duration::from_mins(1);
    while tenant.log().iter().filter(|line| line["message"] == message).count() < lines {
        assert!(Instant::now() < until, "never {message:?}: {}", tenant.running.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

const RELOADED: &str = "plugin and policy reloaded";
const REFUSED: &str = "not reloaded: what was in force stays";

/// Whether a login of Google's joins the account of this name.
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

fn another_plugin_is_taken_and_a_broken_one_is_not() {
    // The minimal plugin links by itself; the built-in one, without a policy,
    // does not.
    let plugin = File::with(test_guests::MINIMAL);
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
    let plugin = File::with(test_guests::MINIMAL);
    let limits = File::with("[limits]\ncompile_ms = 600000\n");
    let tenant = started(&["--plugin", plugin.name(), "--limits", limits.name()]);
    plugin.write(test_guests::with_module(test_guests::MINIMAL, &test_guests::slow_to_compile()));
    // One at the start, and the one that goes on and on.
    wait(&tenant, "compiling a plugin", 2);
    assert!(is_linked(&tenant, "one"), "logins go on meanwhile");
    plugin.write(ligature_host::PLUGIN);
    wait(&tenant, RELOADED, 1);
    assert!(!is_linked(&tenant, "two"), "the later file is in force");
    wait(&tenant, "a later file takes the place of the one that was compiled", 1);
}

/// A file behind a link: nothing changes in the folder that is watched.
fn a_hang_up_reads_again() {
    let policy = File::with(OFF);
    let place = tempfile::tempdir().expect("a temporary folder");
    let link = place.path().join("policy.json");
    linked(&policy.path, &link);
    let tenant = started(&["--policy", link.to_str().expect("a path in UTF-8")]);
    policy.write(AUTO);
    assert!(!is_linked(&tenant, "one"), "it was not asked to look");
    tenant.running.signal("HUP");
    wait(&tenant, RELOADED, 1);
    assert!(is_linked(&tenant, "two"));
    policy.write("{");
    tenant.running.signal("HUP");
    wait(&tenant, REFUSED, 1);
    assert!(is_linked(&tenant, "three"));
}

fn linked(file: &Path, link: &Path) {
    std::os::unix::fs::symlink(file, link).expect("a link");
}
