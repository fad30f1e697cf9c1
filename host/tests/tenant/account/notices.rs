//! Notices to both sides of a change, and "this was not me".

use serde_json::{Value, json};

use super::add::identities;
use super::attacks::{ADMINISTRATION, patch};
use super::history::undo_of;
use super::person::Person;
use crate::clocked::Clocked;
use crate::http::{Browser, Request, Response, state_of};
use crate::tenants::{Tenant, database_user, text, user};

crate::tests![
    both_sides_are_told,
    a_notice_has_no_whole_address_and_no_foreign_name,
    an_objection_undoes_the_link_and_ends_the_logins,
    an_objection_works_once_and_for_seven_days,
    a_get_of_an_objection_changes_nothing,
    an_objection_of_another_origin_is_refused,
    the_removed_side_gets_no_objection,
    an_objection_puts_a_removed_login_back,
    an_objection_does_not_put_back_what_has_changed,
    an_objection_separates_although_settings_were_changed,
    an_objection_to_an_undo_links_again,
    every_objection_works_however_many_there_are,
    an_outbox_shows_notices,
    codes_push_out_no_notice,
];

/// The newest notices, as many as the last change has sent.
fn notices(outbox: &Response, most: usize) -> Vec<Value> {
    let all = outbox.json();
    let all = all.as_array().expect("a list").iter().filter(|message| message["kind"] == "notice");
    all.take(most).cloned().collect()
}

pub(super) fn newest(tenant: &Tenant, most: usize) -> Vec<Value> {
    notices(&tenant.send(&Request::get("/dev/outbox")), most)
}

/// The token of the link in a notice.
pub(super) fn token(notice: &Value) -> String {
    text(&notice["link"]).split_once("token=").unwrap_or_else(|| panic!("{notice}")).1.to_owned()
}

pub(super) fn object(browser: &mut Browser, token: &str) -> Response {
    browser.submit("/account/objection", &[("token", token)])
}

/// Ada, with an account of Google that has another address.
fn people() -> String {
    [
        super::person::GITHUB,
        &database_user("ada", "ada@example.com"),
        &user("google-oauth2|1080", "ada@gmail.test", "google-oauth2"),
        ADMINISTRATION,
    ]
    .concat()
}

fn both_sides_are_told() {
    let tenant = Tenant::with(&people());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let told = newest(&tenant, 9);
    let to: Vec<String> = told.iter().map(|notice| text(&notice["to"])).collect();
    assert_eq!(to, ["ada@gmail.test", "ada@example.com"]);
    assert_ne!(token(&told[0]), token(&told[1]), "each side has a link of its own");
    for notice in &told {
        let words = notice["text"].to_string();
        assert!(words.contains("was added to the account a***@example.com"), "{words}");
        assert!(words.contains("It was done from 127.0.0.1, after a login to both."), "{words}");
    }
    let audit = tenant.log_of("audit");
    assert!(
        audit.iter().any(|line| line["message"] == "a user has added a way to log in" && line["told"] == 2),
        "{audit:?}"
    );
}

fn a_notice_has_no_whole_address_and_no_foreign_name() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    let fields = [
        ("user_id", "7"),
        ("name", "Call 0900 123 or lose your account"),
        ("email", "ada@github.test"),
        ("email_verified", "true"),
    ];
    let preview = ada.stand_in(&state, "github", &fields).location();
    ada.confirm(&preview);
    let told = newest(&tenant, 9);
    assert_eq!(told.len(), 2, "{told:?}");
    for notice in told {
        let words = notice["text"].to_string();
        for hidden in ["0900", "ada@example.com", "ada@github.test", "auth0|"] {
            assert!(!words.contains(hidden), "{hidden}: {words}");
        }
        assert!(words.contains("“GitHub, a***@github.test”"), "{words}");
    }
}

fn an_objection_undoes_the_link_and_ends_the_logins() {
    let tenant = Tenant::with(&people());
    let mut attacker = Person::at(&tenant).logged_in("ada@example.com");
    let preview = attacker.prove_github("666");
    attacker.confirm(&preview);
    let told = newest(&tenant, 9);
    let owner = told.iter().find(|notice| notice["to"] == "ada@example.com").expect("the owner is told");
    // The owner reads the mail, and is not logged in.
    let mut owner_browser = tenant.browser();
    let done = object(&mut owner_browser, &token(owner));
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(
        done.text().contains("The addition was undone, and all logins of both accounts were ended."),
        "{}",
        done.text()
    );
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(attacker.get("/account").status, 302, "the attacker is logged out");
    let separated = tenant.user("github|666").json();
    assert!(separated["app_metadata"]["linking"]["unlinked"].is_array(), "the pair cools down: {separated}");
    // Both learn of it, without a further objection.
    let told = newest(&tenant, 2);
    assert!(told.iter().all(|notice| notice.get("link").is_none()), "{told:?}");
    assert!(told[0]["text"].to_string().contains("was not theirs"), "{told:?}");
    let audit = tenant.log_of("audit");
    assert!(audit.iter().any(|line| line["message"] == "an owner has objected to a change"), "{audit:?}");
}

fn an_objection_works_once_and_for_seven_days() {
    let tenant = Clocked::start(&people());
    let mut ada = Person::at_clocked(&tenant).logged_in("ada@example.com");
    let tokens: Vec<String> = ["1", "2"]
        .map(|id| {
            let preview = ada.prove_github(id);
            assert_eq!(ada.confirm(&preview).status, 303);
            let told = notices(&tenant.send(&Request::get("/dev/outbox")), 9);
            token(told.iter().find(|it| it["to"] == "ada@example.com").expect("the owner is told"))
        })
        .into();
    tenant.advance_ms(7 * 86_400_000 - 1);
    let mut browser = tenant.browser();
    assert_eq!(object(&mut browser, &tokens[0]).status, 200);
    let again = object(&mut browser, &tokens[0]);
    assert_eq!((again.status, again.text().contains("used already")), (400, true), "{}", again.text());
    tenant.advance_ms(1);
    assert_eq!(browser.get(&format!("/account/objection?token={}", tokens[1])).status, 400);
    assert_eq!(object(&mut browser, &tokens[1]).status, 400);
    for unknown in ["", "x"] {
        assert_eq!(object(&mut browser, unknown).status, 400);
    }
}

/// Programs that scan mails open links.
fn a_get_of_an_objection_changes_nothing() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let token = token(&newest(&tenant, 1)[0]);
    for _ in 0..2 {
        let page = tenant.browser().get(&format!("/account/objection?token={token}"));
        assert_eq!(
            (page.status, page.text().contains("The addition is undone")),
            (200, true),
            "{}",
            page.text()
        );
        assert!(page.header("content-security-policy").is_some_and(|it| it.contains("form-action 'self'")));
    }
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
    assert_eq!(ada.get("/account").status, 200);
}

fn an_objection_of_another_origin_is_refused() {
    let tenant = Tenant::with(&people());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let token = token(&newest(&tenant, 1)[0]);
    let form = Request::post("/account/objection").form(&[("token", &token)]);
    assert_eq!(tenant.send(&form.clone().header("origin", "http://evil.test")).status, 403);
    assert_eq!(tenant.send(&form.header("sec-fetch-site", "cross-site")).status, 403);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

fn remove_google(ada: &mut Person) {
    let target = ada.removal_of("Google");
    let page = ada.page(&target);
    assert_eq!(ada.submit(&page, "/account/remove", &[]).status, 303);
}

/// An attacker whose identity the owner removes must not link it again.
fn the_removed_side_gets_no_objection() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_github("666");
    ada.confirm(&preview);
    let target = ada.removal_of("GitHub");
    let page = ada.page(&target);
    assert_eq!(ada.submit(&page, "/account/remove", &[]).status, 303);
    let told = newest(&tenant, 2);
    let of = |to: &str| told.iter().find(|notice| notice["to"] == to).unwrap_or_else(|| panic!("{told:?}"));
    assert!(of("ada@github.test").get("link").is_none());
    assert!(of("ada@example.com").get("link").is_some());
    for notice in &told {
        assert!(
            notice["text"].to_string().contains("was removed from the account a***@example.com"),
            "{notice}"
        );
    }
}

fn an_objection_puts_a_removed_login_back() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    remove_google(&mut ada);
    let owner = newest(&tenant, 9).into_iter().find(|notice| notice.get("link").is_some()).expect("a link");
    let done = object(&mut tenant.browser(), &token(&owner));
    assert!(done.text().contains("The login was put back"), "{}", done.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|1080"]);
    assert_eq!(ada.get("/account").status, 302, "all logins have ended");
}

fn an_objection_does_not_put_back_what_has_changed() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    remove_google(&mut ada);
    let owner = newest(&tenant, 9).into_iter().find(|notice| notice.get("link").is_some()).expect("a link");
    patch(&tenant, "google-oauth2|1080", &json!({ "user_metadata": { "theme": "light" } }));
    let done = object(&mut tenant.browser(), &token(&owner));
    assert!(done.text().contains("the login was not put back"), "{}", done.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(ada.get("/account").status, 302, "all logins have ended nevertheless");
}

/// An undo is refused where settings have changed since. An attacker could see to that.
fn an_objection_separates_although_settings_were_changed() {
    let google = user("google-oauth2|1080", "ada@gmail.test", "google-oauth2")
        + "user_metadata = { theme = \"light\" }\n";
    let tenant = Tenant::with(&[&database_user("ada", "ada@example.com"), &*google, ADMINISTRATION].concat());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&format!("{preview}&metadata=take"));
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 303);
    let token = token(&newest(&tenant, 1)[0]);
    patch(&tenant, "auth0|ada", &json!({ "user_metadata": { "theme": "blue" } }));
    let done = object(&mut tenant.browser(), &token);
    assert!(done.text().contains("without all their settings"), "{}", done.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(identities(&tenant, "google-oauth2|1080"), ["google-oauth2|1080"]);
}

fn an_objection_to_an_undo_links_again() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let target = undo_of(&mut ada);
    let page = ada.page(&target);
    assert_eq!(ada.submit(&page, "/account/undo", &[]).status, 303);
    let owner = newest(&tenant, 9).into_iter().find(|notice| notice.get("link").is_some()).expect("a link");
    assert!(owner["text"].to_string().contains("was undone"), "{owner}");
    let done = object(&mut tenant.browser(), &token(&owner));
    assert!(done.text().contains("The login was put back"), "{}", done.text());
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

/// A link carries its objection, so that later changes push none out.
fn every_objection_works_however_many_there_are() {
    let tenant = Tenant::with(&(people() + &database_user("bob", "bob@example.com")));
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_github("7");
    ada.confirm(&preview);
    let of = |to: &str| {
        let told = newest(&tenant, 9);
        token(told.iter().find(|notice| notice["to"] == to && notice.get("link").is_some()).expect("a link"))
    };
    let adas = of("ada@example.com");
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let mut bobs = Vec::new();
    for n in 0..11 {
        let preview = bob.prove_github(&format!("1{n}"));
        assert_eq!(bob.confirm(&preview).status, 303);
        bobs.push(of("bob@example.com"));
        let target = bob.removal_of("GitHub");
        let page = bob.page(&target);
        assert_eq!(bob.submit(&page, "/account/remove", &[]).status, 303);
        bobs.push(of("bob@example.com"));
    }
    let mut browser = tenant.browser();
    let mut is_there = |token: &str| browser.get(&format!("/account/objection?token={token}")).status == 200;
    assert!(is_there(&adas) && bobs.iter().all(|token| is_there(token)));
    assert_eq!(bobs.len(), 22);
}

fn an_outbox_shows_notices() {
    let tenant = Tenant::with(&people());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let page = tenant.send(&Request::get("/dev/outbox").header("accept", "text/html")).text();
    assert!(
        page.contains("<h2>A change of how you log in</h2>") && page.contains("was added to the account"),
        "{page}"
    );
    assert!(page.contains("/account/objection?token="), "{page}");
    // A code is still what it was.
    let mut eve = Person::at(&tenant);
    let state = state_of(&eve.get("/account"));
    eve.browser.submit(
        "/u/code/start",
        &[("state", &state), ("connection", "email"), ("address", "eve@example.com")],
    );
    let code = &tenant.send(&Request::get("/dev/outbox")).json()[0];
    assert_eq!((&code["kind"], code.get("text")), (&json!("code"), None));
}

/// Anybody can ask for a code to any address.
fn codes_push_out_no_notice() {
    let tenant = Tenant::with(&people());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let before = newest(&tenant, 9);
    let mut eve = Person::at(&tenant);
    let state = state_of(&eve.get("/account"));
    for n in 0..1_000 {
        let address = format!("eve{n}@example.com");
        eve.browser
            .submit("/u/code/start", &[("state", &state), ("connection", "email"), ("address", &address)]);
    }
    assert_eq!(newest(&tenant, 9), before);
    let all = tenant.send(&Request::get("/dev/outbox")).json();
    assert_eq!(all[0]["to"], "eve999@example.com", "the newest is first");
    assert_eq!(all.as_array().expect("a list").len(), 1_002);
}
