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
    an_objection_to_a_removal_ends_logins_and_links_nothing,
    an_objection_to_an_undo_ends_logins_and_links_nothing,
    each_side_of_a_removal_ends_its_own_logins,
    a_moved_account_that_left_is_not_brought_back,
    a_full_account_of_an_attacker_hides_no_notice,
    a_blocked_user_gets_no_open_account_back,
    an_old_objection_does_not_touch_the_next_owner,
    an_objection_separates_although_settings_were_changed,
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

pub(crate) fn newest(tenant: &Tenant, most: usize) -> Vec<Value> {
    notices(&tenant.send(&Request::get("/dev/outbox")), most)
}

/// The token of the link in a notice.
pub(crate) fn token(notice: &Value) -> String {
    text(&notice["link"]).split_once("token=").unwrap_or_else(|| panic!("{notice}")).1.to_owned()
}

pub(crate) fn object(browser: &mut Browser, token: &str) -> Response {
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
    assert_eq!(to, ["ada@example.com", "ada@gmail.test"]);
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
    let owner = told.iter().find(|notice| notice["to"] == "ada@example.com").expect("a notice to the owner");
    // The owner reads the mail, and is not logged in.
    let mut owner_browser = tenant.browser();
    let done = object(&mut owner_browser, &token(owner));
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(
        done.text().contains("The addition was undone, and everybody is logged out of both accounts."),
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
            token(told.iter().find(|it| it["to"] == "ada@example.com").expect("a notice to the owner"))
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
    let separated = tenant.user("google-oauth2|1080").json();
    assert_eq!(separated["user_metadata"], json!({ "theme": "light" }), "its own settings come back");
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
    let tenant = Tenant::with(&(people() + "\n[rate_limit]\nmessages = false\n"));
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

fn links_of(tenant: &Tenant, to: &str) -> Vec<String> {
    let told = newest(tenant, 100).into_iter().filter(|notice| notice["to"] == to);
    told.filter(|notice| notice.get("link").is_some()).map(|notice| token(&notice)).collect()
}

fn undo_newest(ada: &mut Person) {
    let target = undo_of(ada);
    let page = ada.page(&target);
    assert_eq!(ada.submit(&page, "/account/undo", &[]).status, 303);
}

fn an_objection_to_a_removal_ends_logins_and_links_nothing() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    remove_google(&mut ada);
    let mut mail = tenant.browser();
    let token = links_of(&tenant, "ada@example.com").remove(0);
    let page = mail.get(&format!("/account/objection?token={token}")).text();
    assert!(page.contains("Nothing is added again"), "{page}");
    let done = object(&mut mail, &token).text();
    assert!(
        done.contains("Everybody is logged out of your account.") && done.contains("/account/add"),
        "{done}"
    );
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(identities(&tenant, "google-oauth2|1080"), ["google-oauth2|1080"]);
    assert_eq!(ada.get("/account").status, 302, "all logins have ended");
}

fn an_objection_to_an_undo_ends_logins_and_links_nothing() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    undo_newest(&mut ada);
    object(&mut tenant.browser(), &links_of(&tenant, "ada@example.com").remove(0));
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(ada.get("/account").status, 302, "all logins have ended");
}

/// Whoever was removed must not log the owner out.
fn each_side_of_a_removal_ends_its_own_logins() {
    let tenant = Tenant::with(&people());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    remove_google(&mut ada);
    let mut google = Person::at(&tenant);
    let login = google.get("/account");
    google.stand_in(&state_of(&login), "google-oauth2", &[("account", "1080")]);
    assert_eq!(google.get("/account").status, 200);
    let done = object(&mut tenant.browser(), &links_of(&tenant, "ada@gmail.test").remove(0));
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(google.get("/account").status, 302);
    assert_eq!(ada.get("/account").status, 200);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

/// The attacker has the victim's session, moves the victim's account into their own, undoes it, and
/// objects to every change of it.
fn a_moved_account_that_left_is_not_brought_back() {
    let tenant = Tenant::with(&(people() + &database_user("bob", "bob@example.com")));
    let mut session = Person::at(&tenant).logged_in("ada@example.com");
    let state = session.begin_adding();
    let preview = session.by_password(&state, "bob@example.com").location();
    let page = session.page(&format!("{preview}&keep=other"));
    assert_eq!(session.submit(&page, "/account/link", &[]).status, 303);
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    undo_newest(&mut bob);
    let links = links_of(&tenant, "bob@example.com");
    assert_eq!(links.len(), 2);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    for link in links {
        assert_eq!(object(&mut tenant.browser(), &link).status, 200);
        assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
        assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
    }
    assert_eq!(ada.get("/account").status, 200, "the objections of another account do not log her out");
    let separated = tenant.user("auth0|ada").json();
    assert!(separated["app_metadata"]["linking"]["unlinked"].is_array(), "the pair cools down: {separated}");
}

/// The account that takes the victim's account over has more addresses than are told.
fn a_full_account_of_an_attacker_hides_no_notice() {
    let tenant = Tenant::with(&(people() + &database_user("bob", "bob@example.com")));
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    for n in 0..11 {
        let state = bob.begin_adding();
        let (id, email) = (format!("1{n}"), format!("bob{n}@github.test"));
        let account = [("user_id", &*id), ("email", &*email), ("email_verified", "true")];
        let preview = bob.stand_in(&state, "github", &account).location();
        assert_eq!(bob.confirm(&preview).status, 303);
    }
    let before = newest(&tenant, 1_000).len();
    let mut session = Person::at(&tenant).logged_in("ada@example.com");
    let state = session.begin_adding();
    let preview = session.by_password(&state, "bob@example.com").location();
    let page = session.page(&format!("{preview}&keep=other"));
    assert_eq!(session.submit(&page, "/account/link", &[]).status, 303);
    let all = newest(&tenant, 1_000);
    let told = &all[..all.len() - before];
    assert!(told.iter().any(|it| it["to"] == "ada@example.com" && it.get("link").is_some()), "{told:?}");
    assert!(told.iter().any(|it| it["to"] == "bob@example.com"), "{told:?}");
    assert_eq!(told.len(), 11, "one of Ada, and ten of Bob");
}

fn a_blocked_user_gets_no_open_account_back() {
    let tenant = Tenant::with(&people());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let links = ["ada@example.com", "ada@gmail.test"].map(|to| links_of(&tenant, to).remove(0));
    patch(&tenant, "auth0|ada", &json!({ "blocked": true }));
    for link in links {
        let done = object(&mut tenant.browser(), &link).text();
        assert!(done.contains("The account is blocked") && done.contains("Ask support."), "{done}");
        assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
    }
}

/// The identity has left the account of the objection, and belongs to somebody else.
fn an_old_objection_does_not_touch_the_next_owner() {
    let tenant = Tenant::with(&(people() + &database_user("bob", "bob@example.com")));
    let mut bob = Person::at(&tenant).logged_in("bob@example.com").with_google();
    let link = links_of(&tenant, "bob@example.com").remove(0);
    undo_newest(&mut bob);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let before = newest(&tenant, 1_000).len();
    let done = object(&mut tenant.browser(), &link);
    assert!(done.text().contains("had been undone already"), "{}", done.text());
    assert_eq!(ada.get("/account").status, 200, "she stays logged in");
    assert_eq!(newest(&tenant, 1_000).len(), before, "no notice is about her account");
    assert_eq!(bob.get("/account").status, 302);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}
