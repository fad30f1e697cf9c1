//! Operators at work: what they change, and what is written about it.

use super::desk::{ADA, GRACE, Office, hidden_fields};
use crate::http::Request;

crate::tests![
    a_merge_names_the_operator_in_journal_and_log,
    a_form_of_another_operator_or_session_is_refused,
    a_form_of_another_site_is_refused,
    a_form_that_is_sent_after_the_session_ended_changes_nothing,
    the_log_has_no_whole_address_token_or_secret,
];

const MERGE: &str = "/console/merge?keep=auth0%7C1&move=google-oauth2%7C2";

fn a_merge_names_the_operator_in_journal_and_log() {
    let office = Office::open();
    let mut ada = office.desk().logged_in(ADA);
    let preview = ada.page(MERGE);
    assert!(preview.contains("eve@corp.com"), "operators see whole addresses");
    let merged = ada.submit(&preview, "/console/merge", &[("reason", "ticket 7")]);
    assert_eq!(merged.status, 303, "{}", merged.text());
    let page = ada.page(&merged.location());
    assert!(page.contains("the operator ada.lovelace@example.com"), "{page}");
    assert_eq!(office.place.links(), 1);
    let audited = office.audited("\"action\":\"merge\"");
    assert!(audited.contains("ada.lovelace@example.com") && audited.contains("\"done\":true"), "{audited}");

    let mut grace = office.desk().logged_in(GRACE);
    let entry = merged.location().trim_end_matches("?done=merged").to_owned();
    let action = format!("{entry}/undo");
    let preview = grace.page(&action);
    assert_eq!(grace.submit(&preview, &action, &[]).status, 303);
    let journal = grace.page("/console/journal");
    assert!(journal.contains("the operator auth0|grace"), "{journal}");
}

fn a_form_of_another_operator_or_session_is_refused() {
    let office = Office::open();
    let (mut ada, mut grace) = (office.desk().logged_in(ADA), office.desk().logged_in(GRACE));
    let mut adas_other = office.desk().logged_in(ADA);
    let preview = ada.page(MERGE);
    for theirs in [grace.page(MERGE), adas_other.page(MERGE)] {
        let token = &hidden_fields(&theirs, "/console/merge")[0].1;
        let mut fields = hidden_fields(&preview, "/console/merge");
        fields[0].1.clone_from(token);
        let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        fields.push(("reason", "ticket 7"));
        let answer = ada.console.submit("/console/merge", &fields);
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("has expired"), "{}", answer.text());
    }
    assert_eq!(office.place.links(), 0);
}

fn a_form_of_another_site_is_refused() {
    let office = Office::open();
    let mut ada = office.desk().logged_in(ADA);
    let fields = hidden_fields(&ada.page(MERGE), "/console/merge");
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    fields.push(("reason", "ticket 7"));
    let http = office.public_url.replace("127.0.0.1", "localhost");
    for (name, value) in [
        ("origin", "http://evil.test"),
        ("origin", "null"),
        ("origin", &http),
        ("sec-fetch-site", "same-site"),
    ] {
        let answer = ada.send(Request::post("/console/merge").form(&fields).header(name, value));
        assert_eq!(answer.status, 403, "{name}: {value}");
    }
    assert_eq!(office.place.links(), 0);
}

fn a_form_that_is_sent_after_the_session_ended_changes_nothing() {
    let office = Office::open();
    let mut ada = office.desk().logged_in(ADA);
    let preview = ada.page(MERGE);
    let session = ada.console.cookies.clone();
    let home = ada.page("/console");
    ada.submit(&home, "/console/log-out", &[]);
    ada.console.cookies = session;
    let answer = ada.submit(&preview, "/console/merge", &[("reason", "ticket 7")]);
    assert_eq!(answer.status, 403);
    assert_eq!(office.place.links(), 0);
}

fn the_log_has_no_whole_address_token_or_secret() {
    let office = Office::open();
    let mut ada = office.desk().logged_in(ADA);
    ada.page("/console/users?q=eve%40corp.com");
    let preview = ada.page(MERGE);
    let form = hidden_fields(&preview, "/console/merge")[0].1.clone();
    ada.submit(&preview, "/console/merge", &[("reason", "of eve@corp.com")]);
    office.audited("\"action\":\"merge\"");
    let log = office.service.log();
    for hidden in
        ["eve@corp.com", &form, &ada.console.cookies[super::desk::SESSION], "the-secret-of-the-console"]
    {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
}
