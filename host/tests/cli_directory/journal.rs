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
