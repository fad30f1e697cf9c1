//! The pages about decisions, and their numbers by day.

use std::time::Duration;

use axum::http::StatusCode;

use super::Office;
use crate::model::{Decision, Level, Timestamp};

#[test]
fn decisions_are_listed_filtered_and_paged() {
    let office = Office::open();
    office.keep(Decision::Proceed, ("NO_CANDIDATE", Level::Info), "Nobody else.");
    office.clock.advance(Duration::from_secs(86_400));
    for _ in 0..30 {
        let linked = Decision::Linked { primary: "auth0|1".to_owned() };
        office.keep(linked, ("LINKED_VERIFIED_BOTH", Level::Info), "Both have it.");
    }
    let rows = |page: &str| page.matches("<tr><td><a href=\"/console/decisions/").count();
    let first = office.page("/console/decisions");
    assert_eq!(rows(&first), 15);
    let older = first.split_once("<p><a href=\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(rows(&office.page(&older.replace("&#38;", "&"))), 15);
    for (query, number) in [
        ("kind=proceed", 1),
        ("kind=deny", 0),
        ("code=NO_CANDIDATE", 1),
        ("user=auth0%7C2", 0),
        ("until=2026-11-27", 1),
        ("since=2026-11-28&kind=linked", 15),
        ("since=2026-11-29", 0),
    ] {
        assert_eq!(rows(&office.page(&format!("/console/decisions?{query}"))), number, "{query}");
    }
    for bad in ["since=yesterday", "until=2026-13-01", "before=x"] {
        assert_eq!(office.get(&format!("/console/decisions?{bad}")).0, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert!(office.page("/console/users/auth0%7C1").contains("LINKED_VERIFIED_BOTH"));
}

#[test]
fn a_decision_is_explained_rule_by_rule() {
    let office = Office::open();
    let id =
        office.keep(Decision::Proceed, ("TWO_DATABASE_ACCOUNTS", Level::Conflict), "Both are databases.");
    let page = office.page(&format!("/console/decisions/{id}"));
    for words in [
        "The login went on unchanged.",
        "<code>TWO_DATABASE_ACCOUNTS</code> (conflict): Both are databases.",
        "Both accounts are in databases of the tenant.",
        "the login is not excluded",
        "href=\"/console/users/auth0%7C2\"",
        "<dd>link-users-by-email</dd>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for unknown in ["x", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(office.get(&format!("/console/decisions/{unknown}")).0, StatusCode::NOT_FOUND);
    }
}

#[test]
fn the_first_page_counts_decisions_by_day() {
    let office = Office::open();
    assert!(office.page("/console").contains("No decision was kept yet."));
    office.keep_conflict();
    office.keep(Decision::Deny { message: "No.".to_owned() }, ("BLOCKED", Level::Info), "It is blocked.");
    let page = office.page("/console");
    for words in [
        "1 conflict waits",
        "<tr><th scope=\"row\">2026-11-27</th><td>1</td><td>0</td><td>0</td><td>1</td></tr>",
        "role=\"img\"",
        "The highest bar is 2.",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(page.matches("<rect ").count(), 2);
}

#[test]
fn a_time_outside_of_the_calendar_is_no_fault() {
    let office = Office::open();
    let far = Timestamp::from_millis(0).unwrap();
    office.clock.set(far);
    office.keep_conflict();
    office.page("/console");
}

#[test]
fn a_filter_that_is_malformed_is_refused() {
    let office = Office::open();
    office.keep(Decision::Proceed, ("NO_CANDIDATE", Level::Info), "Nobody else.");
    for bad in [
        "since=2026-02-30",
        "since=2026-11-27T00:00:00Z",
        "since=-1",
        "until=9999999-01-01",
        "until=%F0%9F%98%80",
        "kind=removed",
        "kind=Proceed",
        "before=00000000",
        "user=%00",
        "code=A%00B",
        "user=a&user=b",
    ] {
        let (status, page) = office.get(&format!("/console/decisions?{bad}"));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {page}");
    }
    // Each of these is well-formed and matches nothing.
    for none in ["since=2027-01-01&until=2026-01-01", "user=%25", "code=%25", "code=_O_CANDIDATE"] {
        assert!(office.page(&format!("/console/decisions?{none}")).contains("There are no such decisions."));
    }
}

#[test]
fn a_full_page_without_a_rest_leads_to_no_other() {
    let office = Office::open();
    for _ in 0..15 {
        office.keep(Decision::Proceed, ("NO_CANDIDATE", Level::Info), "Nobody else.");
    }
    assert!(!office.page("/console/decisions").contains("Older decisions"));
    office.keep(Decision::Proceed, ("NO_CANDIDATE", Level::Info), "Nobody else.");
    assert!(office.page("/console/decisions").contains("Older decisions"));
}

#[test]
fn a_filter_stays_on_further_pages() {
    let office = Office::open();
    for _ in 0..16 {
        office.keep(Decision::Proceed, ("NO_CANDIDATE", Level::Info), "Nobody else.");
        office.keep(Decision::Proceed, ("OTHER", Level::Info), "Nobody else.");
    }
    let first = office.page("/console/decisions?code=NO_CANDIDATE&user=auth0%7C1&since=2026-11-27");
    let older = first.split_once("<p><a href=\"").unwrap().1.split_once('"').unwrap().0;
    let second = office.page(&older.replace("&#38;", "&"));
    assert_eq!(second.matches("<td>NO_CANDIDATE</td>").count(), 1, "{second}");
    assert_eq!(second.matches("<td>OTHER</td>").count(), 0, "{second}");
}
