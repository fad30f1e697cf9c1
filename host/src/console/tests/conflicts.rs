//! The conflicts that wait, and the forms that settle them.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::{Office, forms_of, user};
use crate::directory::{Administration, ConflictQuery, Directory, KeptDecisions, Settled};
use crate::model::{Decision, Level};

#[test]
fn a_conflict_is_settled_with_a_note_and_once() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    for words in ["Both accounts are in databases of the tenant.", "ada@corp.com", "Merge…", "1 waits"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("keep=auth0%7C1&#38;move=auth0%7C2"), "{page}");
    for fields in ["note=", "note=%20", &format!("note={}", "x".repeat(501))] {
        assert_eq!(office.settle(&page, fields).0, StatusCode::BAD_REQUEST, "{fields}");
    }
    let settled = office.settle(&page, "note=of+ada%40corp.com");
    assert_eq!(settled, (StatusCode::SEE_OTHER, "/console/conflicts?done=settled".to_owned()));
    assert_eq!(office.settle(&page, "note=again").0, StatusCode::CONFLICT);
    assert!(office.page("/console/conflicts?done=settled").contains("The conflict was settled."));
    let page = office.page("/console/conflicts?settled=yes");
    assert!(page.contains("by local: of a…@corp.com"), "{page}");
    assert!(!page.contains("<form method=\"post\" action=\"/console/conflicts"), "{page}");
    assert!(office.directory.get("auth0|1").unwrap().user.app_metadata.is_none(), "no mark was wanted");
    // It happens again, and waits again.
    office.keep_conflict();
    assert!(office.page("/console/conflicts").contains("2 times"));
}

#[test]
fn accounts_of_different_persons_are_marked_as_separated() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    assert_eq!(office.settle(&page, "note=two+people&separate=yes").0, StatusCode::SEE_OTHER);
    for (id, from) in [("auth0|1", "auth0|2"), ("auth0|2", "auth0|1")] {
        let user = office.directory.get(id).unwrap().user;
        let marks = &user.app_metadata.as_ref().unwrap()["linking"]["unlinked"];
        assert_eq!(marks[0]["from"], from);
        assert_eq!(marks[0]["by"], "operator");
        assert_eq!(marks[0]["at"], office.ambient.now().as_millis());
    }
    let query = ConflictQuery { settled: true, after: None, limit: 1 };
    assert_eq!(office.directory.conflicts(&query).unwrap()[0].settled.as_ref().unwrap().note, "two people");
}

#[test]
fn a_conflict_is_settled_although_an_account_is_gone() {
    let office = Office::open();
    office.keep_conflict();
    assert!(office.directory.delete("auth0|2").unwrap());
    let page = office.page("/console/conflicts");
    assert!(page.contains("This account is gone") && !page.contains("Merge…"), "{page}");
    assert_eq!(office.settle(&page, "note=gone&separate=yes").0, StatusCode::SEE_OTHER);
}

#[test]
fn a_form_of_a_conflict_needs_its_token_and_its_origin() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    let forged = page.replace("name=\"form\" value=\"", "name=\"form\" value=\"x");
    assert_eq!(office.settle(&forged, "note=x").0, StatusCode::BAD_REQUEST);
    let action = page.split_once("<form method=\"post\" action=\"").unwrap().1.split_once('"').unwrap().0;
    let foreign = Request::post(action).header("host", "localhost:4480").header("origin", "http://evil.test");
    assert_eq!(office.send(foreign.body(Body::from("note=x")).unwrap()).0, StatusCode::FORBIDDEN);
    for unknown in ["/console/conflicts/x/settle", "/console/conflicts?after=x"] {
        let (status, _) = office.get(unknown);
        assert!(status.is_client_error(), "{unknown}: {status}");
    }
    assert_eq!(office.directory.count_open_conflicts().unwrap(), 1);
}

impl Office {
    /// Keeps so many conflicts, each between the first user and another one.
    fn keep_conflicts(&self, number: usize) {
        for other in 0..number {
            let conflict = ("MULTIPLE_CANDIDATES", Level::Conflict);
            let mut kept = self.make(Decision::Proceed, conflict, "Several.");
            kept.reasons[0].subject = vec![format!("auth0|other{other}")];
            self.keep_all(&[kept]);
        }
    }

    fn settlement(&self) -> Settled {
        let query = ConflictQuery { settled: true, after: None, limit: 1 };
        self.directory.conflicts(&query).unwrap()[0].settled.clone().unwrap()
    }

    fn is_marked(&self) -> bool {
        self.directory.get("auth0|1").unwrap().user.app_metadata.is_some()
    }
}

#[test]
fn a_form_that_is_sent_twice_settles_once() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    assert_eq!(office.settle(&page, "note=first").0, StatusCode::SEE_OTHER);
    let (status, again) = office.settle(&page, "note=second&separate=yes");
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(again.contains("The conflict was settled meanwhile."), "{again}");
    assert_eq!(office.settlement().note, "first");
    assert!(!office.is_marked(), "the second form has changed nothing");
}

#[test]
fn a_form_belongs_to_one_conflict() {
    let office = Office::open();
    office.keep_conflicts(2);
    let page = office.page("/console/conflicts");
    let forms = forms_of(&page);
    let (action, token) = (&forms[0].0, &forms[1].1);
    assert_eq!(office.submit(action, &format!("form={token}&note=x")).0, StatusCode::BAD_REQUEST);
    let merge = office.page("/console/merge?keep=auth0%7C1&move=auth0%7C2");
    let token = merge.split_once("name=\"form\" value=\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(office.submit(action, &format!("form={token}&note=x")).0, StatusCode::BAD_REQUEST);
    assert_eq!(office.submit(action, "note=x").0, StatusCode::BAD_REQUEST, "no token");
    assert_eq!(office.directory.count_open_conflicts().unwrap(), 2);
}

#[test]
fn a_form_of_another_origin_settles_nothing() {
    let office = Office::open();
    office.keep_conflict();
    let (action, token) = forms_of(&office.page("/console/conflicts")).remove(0);
    for (name, value) in [
        ("origin", "http://localhost:3000"),
        ("origin", "https://localhost:4480.evil.test"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let form = office.request("POST", &action).header(name, value);
        let sent = office.send(form.body(Body::from(format!("form={token}&note=x"))).unwrap());
        assert_eq!(sent.0, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert_eq!(office.directory.count_open_conflicts().unwrap(), 1);
}

#[test]
fn a_conflict_that_is_gone_is_not_settled() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    office.directory.forget_decisions_of("auth0|1").unwrap();
    let (status, gone) = office.settle(&page, "note=x");
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(gone.contains("There is no such conflict."), "{gone}");
}

#[test]
fn ids_that_are_no_conflicts_are_refused() {
    let office = Office::open();
    office.keep_conflict();
    for id in ["x", "%00", "..%2F..%2Fconsole", &"0".repeat(32), &"a".repeat(5_000)] {
        let (status, _) = office.submit(&format!("/console/conflicts/{id}/settle"), "form=x&note=x");
        assert!(status.is_client_error(), "{id}: {status}");
        let (status, _) = office.get(&format!("/console/conflicts?after={id}"));
        assert!(status.is_client_error(), "{id}: {status}");
    }
}

#[test]
fn a_note_that_cannot_be_kept_changes_nothing() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    for note in ["%00", "a%00b", &"x".repeat(501), &"%C3%A9".repeat(501)] {
        let (status, page) = office.settle(&page, &format!("note={note}&separate=yes"));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{note}: {page}");
        assert!(!office.is_marked(), "{note}");
    }
    assert_eq!(office.directory.count_open_conflicts().unwrap(), 1);
}

/// The mask of a short address is longer than the address.
#[test]
fn a_note_of_500_characters_may_have_addresses() {
    let office = Office::open();
    office.keep_conflict();
    let page = office.page("/console/conflicts");
    let note = "a@b.de ".repeat(71) + "abc";
    assert_eq!(note.chars().count(), 500);
    let settled = office.settle(&page, &format!("note={}&separate=yes", note.replace(' ', "+")));
    assert_eq!(settled.0, StatusCode::SEE_OTHER, "{}", settled.1);
    let kept = office.settlement().note;
    assert!(kept.starts_with("a…@b.de ") && kept.chars().count() <= 500, "{kept}");
}

#[test]
fn conflicts_have_pages() {
    let office = Office::open();
    office.keep_conflicts(7);
    let articles = |page: &str| page.matches("<article>").count();
    let next = |page: &str| {
        let address = page.rsplit_once("<p><a href=\"").unwrap().1.split_once('"').unwrap().0;
        address.replace("&#38;", "&")
    };
    let first = office.page("/console/conflicts");
    assert!(articles(&first) == 5 && first.contains("7 wait"), "{first}");
    let second = office.page(&next(&first));
    assert_eq!(articles(&second), 2);
    assert!(!second.contains("Further conflicts"), "{second}");
    for _ in 0..6 {
        let page = office.page("/console/conflicts");
        assert_eq!(office.settle(&page, "note=x").0, StatusCode::SEE_OTHER);
    }
    let settled = office.page("/console/conflicts?settled=yes");
    assert_eq!(articles(&settled), 5);
    assert_eq!(articles(&office.page(&next(&settled))), 1);
}

#[test]
fn a_conflict_of_many_accounts_shows_some() {
    let office = Office::with_users((0..9).map(|n| user(&format!("auth0|{n}"), "Ada")));
    let mut kept =
        office.make(Decision::Proceed, ("MULTIPLE_CANDIDATES", Level::Conflict), "Several accounts.");
    kept.reasons[0].subject = (0..9).map(|n| format!("auth0|{n}")).collect();
    office.keep_all(&[kept]);
    let page = office.page("/console/conflicts");
    assert!(page.contains("And 5 more accounts.") && !page.contains("Merge…"), "{page}");
}
