//! Notices of links and separations that were not made on the account page: at logins, by
//! applications and by operators.

use serde_json::{Value, json};

use super::add::identities;
use super::attacks::ADMINISTRATION;
use super::notices::{newest, object, token};
use super::person::{GITHUB, Person};
use crate::accounts::silent;
use crate::http::Request;
use crate::logins::{AUTO, File};
use crate::tenants::{
    CONFIG, DATABASE, PASSWORD, Tenant, by_google, by_id, by_password, database_user, redeem, text, user,
};

crate::tests![
    a_link_at_a_login_is_told_and_can_be_contested,
    a_link_by_an_application_is_told_to_both_sides,
    a_link_with_a_second_token_is_told,
    a_removal_by_an_application_is_told_to_both_sides_without_an_objection,
    an_address_that_nobody_proved_gets_no_notice,
    a_separation_after_the_proof_of_a_mailbox_cannot_be_contested,
    a_refused_link_sends_no_notice,
    an_objection_of_a_login_that_has_moved_on_ends_its_logins_there,
    an_objection_outlives_a_restart,
    an_objection_to_a_link_of_another_directory_changes_nothing,
];

fn ada_and_google(google: &str) -> String {
    [
        GITHUB,
        &database_user("ada", "ada@example.com"),
        &user("google-oauth2|1080", google, "google-oauth2"),
        ADMINISTRATION,
    ]
    .concat()
}

/// Links Google to Ada, by a machine token.
fn link_by_application(tenant: &Tenant) {
    let request = Request::post("/api/v2/users/auth0%7Cada/identities").json(&by_id("google-oauth2", "1080"));
    let answer = tenant.send(&request.bearer(&tenant.client_token("administration")));
    assert_eq!(answer.status, 201, "{}", answer.text());
}

fn unlink_by_application(tenant: &Tenant) {
    let request = Request::new("DELETE", "/api/v2/users/auth0%7Cada/identities/google-oauth2/1080");
    let answer = tenant.send(&request.bearer(&tenant.client_token("administration")));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn words(notice: &Value) -> String {
    notice["text"].to_string()
}

fn recipients(told: &[Value]) -> Vec<String> {
    told.iter().map(|notice| text(&notice["to"])).collect()
}

fn a_link_at_a_login_is_told_and_can_be_contested() {
    let policy = File::with(AUTO);
    let tenant = Tenant::started(&database_user("ada", "ada@example.com"), &["--policy", policy.name()]);
    assert_eq!(by_google(&mut tenant.browser(), "1080", &[]).status, 302);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2, "the policy has linked");
    let told = newest(&tenant, 9);
    assert_eq!(recipients(&told), ["ada@example.com"]);
    assert!(words(&told[0]).contains("the login “Google, a***@example.com” was added"), "{}", told[0]);
    assert!(words(&told[0]).contains("It was done at a login."), "{}", told[0]);
    assert!(text(&told[0]["link"]).starts_with(tenant.http()), "{}", told[0]);

    let done = object(&mut tenant.browser(), &token(&told[0]));
    assert!(done.text().contains("The addition was undone"), "{}", done.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(identities(&tenant, "google-oauth2|1080"), ["google-oauth2|1080"]);
    // Only the objection reports the undo, once to each address.
    let told = newest(&tenant, 9);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(words(&told[0]).contains("said of a change that it was not theirs"), "{}", told[0]);
    let audit = tenant.log_of("audit");
    assert!(
        audit.iter().any(|line| line["message"] == "both sides were told of a change" && line["told"] == 1),
        "{audit:?}"
    );
}

fn a_link_by_an_application_is_told_to_both_sides() {
    let tenant = Tenant::with(&ada_and_google("ada@gmail.test"));
    link_by_application(&tenant);
    let told = newest(&tenant, 9);
    assert_eq!(recipients(&told), ["ada@example.com", "ada@gmail.test"]);
    assert_ne!(token(&told[0]), token(&told[1]), "each side has a link of its own");
    for notice in &told {
        assert!(words(notice).contains("It was done by the application “administration”."), "{notice}");
        assert!(!notice.to_string().contains("auth0|"), "{notice}");
    }
}

fn a_link_with_a_second_token_is_told() {
    let tenant = Tenant::with(&ada_and_google("ada@gmail.test"));
    let scope = "openid update:current_user_identities";
    let own = text(&tenant.password_tokens("web", "ada@example.com", scope)["access_token"]);
    let code = by_google(&mut tenant.browser(), "1080", &[("scope", "openid")]).answer();
    let second = redeem(&tenant, "web", &code["code"]).json()["id_token"].clone();
    let request = Request::post("/api/v2/users/auth0%7Cada/identities");
    let answer = tenant.send(&request.json(&json!({ "link_with": second })).bearer(&own));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let told = newest(&tenant, 9);
    // The login at Google has changed its address to that of the provider.
    assert!(recipients(&told).contains(&"ada@example.com".to_owned()), "{told:?}");
    for notice in &told {
        assert!(words(notice).contains("It was done in an application, after a login to both."), "{notice}");
        assert!(notice.get("link").is_some(), "{notice}");
    }
}

fn a_removal_by_an_application_is_told_to_both_sides_without_an_objection() {
    let tenant = Tenant::with(&ada_and_google("ada@gmail.test"));
    link_by_application(&tenant);
    unlink_by_application(&tenant);
    let told = newest(&tenant, 2);
    assert_eq!(recipients(&told), ["ada@example.com", "ada@gmail.test"]);
    for notice in &told {
        assert!(words(notice).contains("was removed from the account a***@example.com"), "{notice}");
        assert!(words(notice).contains("by the application “administration”"), "{notice}");
        assert!(notice.get("link").is_none(), "{notice}");
    }
}

/// Eve signs up with Bob's address, and links an identity of her own.
fn an_address_that_nobody_proved_gets_no_notice() {
    let tenant = Tenant::with(&ada_and_google("eve@gmail.test"));
    let sign_up = json!({ "client_id": "web", "connection": DATABASE, "email": "bob@example.com", "password": PASSWORD });
    let made = tenant.send(&Request::post("/dbconnections/signup").json(&sign_up));
    assert_eq!(made.status, 200, "{}", made.text());
    let id = text(&made.json()["_id"]);
    let request =
        Request::post(format!("/api/v2/users/auth0%7C{id}/identities")).json(&by_id("google-oauth2", "1080"));
    assert_eq!(tenant.send(&request.bearer(&tenant.client_token("administration"))).status, 201);
    let told = newest(&tenant, 9);
    assert_eq!(recipients(&told), ["eve@gmail.test"]);
}

/// Bob proves his mailbox, so that the identity that Eve has linked before leaves. Eve must not get
/// a link that puts it back, and Bob is not asked to.
fn a_separation_after_the_proof_of_a_mailbox_cannot_be_contested() {
    let tenant = Tenant::with(&ada_and_google("eve@gmail.test"));
    let sign_up = json!({ "client_id": "web", "connection": DATABASE, "email": "bob@example.com", "password": PASSWORD });
    let made = tenant.send(&Request::post("/dbconnections/signup").json(&sign_up));
    let id = text(&made.json()["_id"]);
    let request =
        Request::post(format!("/api/v2/users/auth0%7C{id}/identities")).json(&by_id("google-oauth2", "1080"));
    assert_eq!(tenant.send(&request.bearer(&tenant.client_token("administration"))).status, 201);
    let before = newest(&tenant, 99).len();

    let forgot = json!({ "client_id": "web", "connection": DATABASE, "email": "bob@example.com" });
    tenant.send(&Request::post("/dbconnections/change_password").json(&forgot));
    let mails = tenant.send(&Request::get("/dev/outbox")).json();
    let mail = mails.as_array().expect("a list").iter().find(|mail| mail["kind"] == "reset").expect("a mail");
    let ticket = text(&mail["link"]).split("ticket=").nth(1).expect("a ticket").to_owned();
    let fields = [("ticket", ticket.as_str()), ("password", "another password")];
    assert_eq!(tenant.send(&Request::post("/u/reset").form(&fields)).status, 200);
    assert_eq!(identities(&tenant, "google-oauth2|1080"), ["google-oauth2|1080"]);
    let told = newest(&tenant, newest(&tenant, 99).len() - before);
    assert!(!told.is_empty(), "the separation is reported");
    for notice in &told {
        assert!(notice.get("link").is_none(), "{notice}");
        assert!(words(notice).contains("because the address was proved after"), "{notice}");
    }
}

fn a_refused_link_sends_no_notice() {
    let tenant = Tenant::with(&ada_and_google("ada@gmail.test"));
    let request = Request::post("/api/v2/users/auth0%7Cada/identities").json(&by_id("google-oauth2", "7"));
    assert_eq!(tenant.send(&request.bearer(&tenant.client_token("administration"))).status, 400);
    let request = Request::new("DELETE", "/api/v2/users/auth0%7Cada/identities/google-oauth2/7");
    assert_eq!(tenant.send(&request.bearer(&tenant.client_token("administration"))).status, 200);
    assert_eq!(newest(&tenant, 9), Vec::<Value>::new());
}

fn an_objection_outlives_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = CONFIG.to_owned() + &ada_and_google("ada@gmail.test");
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    let start = || Tenant::within(folder.path(), &config, &["--directory", &directory]);
    let tenant = start();
    link_by_application(&tenant);
    let told = newest(&tenant, 9);
    tenant.running.stop();

    let tenant = start();
    let done = object(&mut tenant.browser(), &token(&told[0]));
    assert!(done.text().contains("The addition was undone"), "{}", done.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    link_by_application(&tenant);
    tenant.running.stop();

    // It was used, also after another restart.
    let tenant = start();
    let again = object(&mut tenant.browser(), &token(&told[0]));
    assert_eq!((again.status, again.text().contains("was used already")), (400, true), "{}", again.text());
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

/// Users in memory end with the process, and so does the journal.
fn an_objection_to_a_link_of_another_directory_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = CONFIG.to_owned() + &ada_and_google("ada@gmail.test");
    let start = || Tenant::within(folder.path(), &config, &[]);
    let tenant = start();
    link_by_application(&tenant);
    let told = newest(&tenant, 9);
    tenant.running.stop();

    let tenant = start();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let done = object(&mut tenant.browser(), &token(&told[0]));
    assert_eq!(done.status, 400, "{}", done.text());
    assert_eq!(ada.get("/account").status, 200, "no login has ended");
}

/// Somebody has added Google's login to Ada's account, removed it, and added it to Bob's. The owner of
/// the login reads the first notice.
fn an_objection_of_a_login_that_has_moved_on_ends_its_logins_there() {
    let people = ada_and_google("ada@gmail.test") + &database_user("bob", "bob@example.com");
    let tenant = Tenant::with(&people);
    link_by_application(&tenant);
    let told = newest(&tenant, 9);
    let first = told.iter().find(|notice| notice["to"] == "ada@gmail.test").expect("a notice");
    unlink_by_application(&tenant);
    let link = Request::post("/api/v2/users/auth0%7Cbob/identities").json(&by_id("google-oauth2", "1080"));
    assert_eq!(tenant.send(&link.bearer(&tenant.client_token("administration"))).status, 201);
    let (mut by_google_login, mut bob) = (tenant.browser(), tenant.browser());
    assert_eq!(by_google(&mut by_google_login, "1080", &[]).status, 302);
    assert_eq!(by_password(&mut bob, "bob@example.com", &[]).status, 302);

    let done = object(&mut tenant.browser(), &token(first)).text();
    assert!(
        done.contains("had been separated already. Your login belongs to another account by now"),
        "{done}"
    );
    assert_eq!(silent(&mut by_google_login), "login_required");
    assert_eq!(silent(&mut bob), "logged in", "his other logins are not the objector's");
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob", "google-oauth2|1080"]);
}
