//! Snapshots of the journal: their key, and their end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::place::Place;

#[test]
fn snapshots_are_encrypted_with_a_key_file() {
    let place = Place::with_users();
    place.write("key", "00".repeat(32).as_bytes());
    let error = place.bad(&["journal", "list", "--journal-key", "key"], 2);
    assert!(error.contains("chmod 600 key"), "{error}");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(place.file("key"), private).expect("it is made private");
    place.log_in(&["--journal-key", "key"]);
    let id = place.link_id();
    assert!(place.bad(&["undo", &id], 1).contains("--journal-key"));
    assert!(place.good(&["journal", "show", &id]).contains("encrypted with the key"));
    place.good(&["undo", &id, "--journal-key", "key"]);
    place.write("key", b"short");
    assert!(
        place.bad(&["journal", "list", "--journal-key", "key"], 2).contains("expected 64 hexadecimal digits")
    );
}

/// A journal of a tenant with an interrupted change: this program alone cannot complete it.
#[test]
fn an_unfinished_change_is_listed_and_named() {
    let place = Place::with_users();
    assert_eq!(place.good(&["journal", "repair"]), "nothing to repair: every change is complete\n");
    place.log_in(&[]);
    let id = place.link_id();
    let set_state = |state: &str| {
        let database = rusqlite::Connection::open(place.file("users.db")).expect("a database");
        let changed = database.execute("UPDATE journal SET state = ?1", [state]).expect("it is set");
        assert_eq!(changed, 1);
    };
    for (state, shown) in [
        ("intended", "intended: it may or may not have happened"),
        ("linked", "linked: the metadata of the primary is not written yet"),
        ("abandoned", "abandoned: it did not happen"),
    ] {
        set_state(state);
        let listed = place.good(&["journal", "list", "--state", state]);
        assert!(listed.contains(&format!(" into auth0|1, {state}\n")), "{listed}");
        assert!(place.good(&["journal", "list", "--state", "done"]).contains("no such entries"));
        let json: serde_json::Value =
            serde_json::from_str(&place.good(&["journal", "show", &id, "--json"])).expect("JSON");
        assert_eq!(json["state"], state);
        let page = place.good(&["journal", "show", &id]);
        assert!(page.contains(shown), "{page}");
        assert_eq!(page.contains("journal repair"), state != "abandoned", "{page}");
    }
    assert!(place.bad(&["undo", &id], 1).contains("the accounts were not linked"));
    assert_eq!(place.good(&["journal", "repair"]), "nothing to repair: every change is complete\n");

    set_state("intended");
    assert!(place.bad(&["undo", &id], 1).contains("`ligature journal repair` finds out"));
    let kept = "0 snapshots erased\n1 unfinished entry keeps its data, which a repair needs: \
                run `ligature journal repair`, and then this command again\n";
    assert_eq!(place.good(&["journal", "prune", "--user", "google-oauth2|2"]), kept);
    let error = place.bad(&["journal", "repair"], 1);
    assert!(error.contains("one change could not be repaired"), "{error}");
    let output = place.run(&["journal", "repair", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("one line of JSON");
    assert_eq!((&json["id"], &json["result"]), (&id.as_str().into(), &"unresolved".into()));
    assert_eq!((&json["state_before"], &json["kind"]), (&"intended".into(), &"link".into()));
    assert!(json["why"].as_str().is_some_and(|why| why.contains("--journal")), "{json}");
}

#[test]
fn what_the_journal_keeps_is_erased_when_told_or_in_time() {
    let place = Place::with_users();
    place.log_in(&[]);
    let id = place.link_id();
    for (user, others) in
        [("auth0|9", ""), ("", ""), ("auth0|", ", and it is the beginning of others, such as auth0|1")]
    {
        let error = place.bad(&["journal", "prune", "--user", user], 1);
        let told = format!("no user and no entry of the journal has the id {user}{others}");
        assert!(error.contains(&told) && error.contains("needs the whole id"), "{error}");
    }
    // An erased user is not erased twice, but is known.
    assert_eq!(place.good(&["journal", "prune", "--user", "google-oauth2|2"]), "1 snapshots erased\n");
    assert_eq!(place.good(&["journal", "prune", "--user", "google-oauth2|2"]), "0 snapshots erased\n");
    assert!(place.bad(&["undo", &id], 1).contains("was erased from the journal"));

    let place = Place::with_users();
    place.log_in(&["--journal-days", "30"]);
    let id = place.link_id();
    assert!(
        place
            .good(&["journal", "show", &id, "--journal-days", "36500"])
            .contains("kept         google-oauth2|2")
    );
    place.good(&["undo", &id, "--dry-run", "--journal-days", "0"]);
    assert!(
        place.good(&["journal", "show", &id]).contains("kept         google-oauth2|2"),
        "a dry run erases nothing"
    );
    let shown = place.good(&["journal", "show", &id, "--journal-days", "0"]);
    assert!(shown.contains("kept         google-oauth2|2"), "nor does reading");
    place.good(&["migrate", "--journal-days", "0"]);
    assert!(place.good(&["journal", "show", &id]).contains("it was erased"));
}
