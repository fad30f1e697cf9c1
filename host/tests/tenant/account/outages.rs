//! The directory fails at each step of a change: nothing is half done, and the next attempt works.

use ligature_test_servers::NoServer;

use super::add::identities;
use super::history::undo_of;
use super::person::{Person, users};
use crate::http::Request;
use crate::outages::started_with;
use crate::tenants::text;

crate::tests![the_directory_fails_at_each_step];

fn the_directory_fails_at_each_step() -> Result<(), NoServer> {
    let (mut server, _, tenant) = started_with(&users())?;
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let form = ada.page(&preview);
    let new = ada.prove_github("7");
    let new_form = ada.page(&new);

    server.stop();
    for target in ["/account", "/account/history", "/account/add", &preview, "/account/remove?identity=x"] {
        let page = ada.get(target);
        assert_eq!(
            (page.status, page.text().contains("Nothing was changed")),
            (503, true),
            "{target}: {}",
            page.text()
        );
    }
    for form in [&form, &new_form] {
        assert_eq!(ada.submit(form, "/account/link", &[]).status, 503);
    }
    server.start_again();
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(tenant.user("github|7").status, 404);
    // The proof was given back.
    assert_eq!(ada.submit(&form, "/account/link", &[]).status, 303);

    let (removal, undo) = (ada.removal_of("Google"), undo_of(&mut ada));
    let (removal, undo) = (ada.page(&removal), ada.page(&undo));
    let told = tenant.send(&Request::get("/dev/outbox")).json();
    let token = text(&told[0]["link"]).split_once("token=").expect("a token").1.to_owned();
    server.stop();
    assert_eq!(ada.submit(&removal, "/account/remove", &[]).status, 503);
    assert_eq!(ada.submit(&undo, "/account/undo", &[]).status, 503);
    let mut mail = tenant.browser();
    assert_eq!(mail.submit("/account/objection", &[("token", &token)]).status, 503);
    server.start_again();
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
    // The objection was given back.
    assert_eq!(mail.submit("/account/objection", &[("token", &token)]).status, 200);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    Ok(())
}
