//! Links that the Management API hands out, and mails that it sends.

use serde_json::{Value, json};

use super::{Machine, needs_a_scope, tenant};
use crate::http::Response;
use crate::tenants::{DATABASE, PASSWORD, REALM_GRANT, Tenant, database_user, text, user};

crate::tests![
    a_ticket_verifies_an_address_once,
    a_ticket_sets_a_password_once,
    a_ticket_is_of_one_account_and_no_address,
    a_ticket_lasts_thirty_days_at_most,
    a_ticket_leads_to_a_client_or_nowhere,
    a_blocked_user_stays_blocked,
    tickets_are_for_accounts_of_databases,
    a_mail_verifies_an_address,
    tickets_need_their_scopes,
];

const NEW: &str = "another good password";

fn with_people() -> Tenant {
    let unverified =
        database_user("eve", "eve@example.com").replace("email_verified = true", "email_verified = false");
    let google = user("google-oauth2|1080", "hopper@example.com", "google-oauth2");
    tenant(&(database_user("ada", "ada@example.com") + &unverified + &google))
}

fn ticket(machine: &Machine<'_>, kind: &str, body: &Value) -> String {
    let response = machine.ask("POST", &format!("tickets/{kind}"), body);
    assert_eq!(response.status, 201, "{}", response.text());
    let ticket = text(&response.json()["ticket"]);
    assert!(ticket.starts_with(machine.tenant.http()), "{ticket}");
    ticket
}

/// Opens a link and sends its form.
fn follow(tenant: &Tenant, link: &str, password: &str) -> Response {
    let mut browser = tenant.browser();
    let page = browser.get(link);
    assert_eq!(page.status, 200, "{}", page.text());
    submit(tenant, link, password)
}

/// Sends the form of a link.
fn submit(tenant: &Tenant, link: &str, password: &str) -> Response {
    let (path, ticket) = link.split_once("?ticket=").expect("a ticket");
    let path = path.strip_prefix(tenant.http().trim_end_matches('/')).expect("the tenant's own");
    tenant.browser().submit(path, &[("ticket", ticket), ("password", password)])
}

fn login(tenant: &Tenant, email: &str, password: &str) -> u16 {
    let fields =
        [("grant_type", REALM_GRANT), ("realm", DATABASE), ("username", email), ("password", password)];
    tenant.token("web", &fields).status
}

fn a_ticket_verifies_an_address_once() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let body = json!({ "user_id": "auth0|eve", "result_url": "http://localhost:3000/verified?a=b", "includeEmailInRedirect": true });
    let link = ticket(&machine, "email-verification", &body);
    // To look at it verifies nothing: programs that look at mails do so.
    tenant.browser().get(&link);
    assert_eq!(machine.get("users/auth0%7Ceve")["email_verified"], false);
    let done = follow(&tenant, &link, "");
    let answer = done.answer();
    assert!(done.location().starts_with("http://localhost:3000/verified?a=b&"), "{}", done.location());
    assert_eq!((answer["success"].as_str(), answer["email"].as_str()), ("true", "eve@example.com"));
    assert_eq!(machine.get("users/auth0%7Ceve")["email_verified"], true);
    let again = tenant.browser().get(&link);
    assert_eq!(again.status, 400);
    assert!(again.text().contains(
        "This link has expired, or was used already. If you have used it, your address is verified."
    ));
}

fn a_ticket_sets_a_password_once() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let link = ticket(&machine, "password-change", &json!({ "user_id": "auth0|eve" }));
    let weak = follow(&tenant, &link, "short");
    assert_eq!(weak.status, 400);
    assert_eq!(login(&tenant, "eve@example.com", PASSWORD), 200);
    let done = follow(&tenant, &link, NEW);
    assert!(done.text().contains("Your password is changed."), "{}", done.text());
    assert_eq!(
        (login(&tenant, "eve@example.com", PASSWORD), login(&tenant, "eve@example.com", NEW)),
        (403, 200)
    );
    // Getting the link does not prove the mailbox.
    assert_eq!(machine.get("users/auth0%7Ceve")["email_verified"], false);
    assert_eq!(tenant.browser().get(&link).status, 400);
    let (_, name) = link.split_once("?ticket=").expect("it is there");
    let again = tenant.browser().submit("/u/reset", &[("ticket", name), ("password", PASSWORD)]);
    assert_eq!(again.status, 400);
    assert_eq!(login(&tenant, "eve@example.com", NEW), 200);

    // By address, and as if it were mailed.
    let body = json!({ "connection_id": "con_AAAAAAAAAAAAAAAA", "email": "EVE@example.com", "mark_email_as_verified": true,
                       "result_url": "http://localhost:3000/" });
    let done = follow(&tenant, &ticket(&machine, "password-change", &body), PASSWORD);
    assert!(!done.answer().contains_key("email"), "{}", done.location());
    assert_eq!(machine.get("users/auth0%7Ceve")["email_verified"], true);
    assert_eq!(login(&tenant, "eve@example.com", PASSWORD), 200);
}

/// The address may be somebody else's by the time that the link is used.
fn a_ticket_is_of_one_account_and_no_address() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let body = json!({ "user_id": "auth0|eve", "mark_email_as_verified": true });
    let link = ticket(&machine, "password-change", &body);
    let moved = machine.ask("PATCH", "users/auth0%7Ceve", &json!({ "email": "eve@elsewhere.example" }));
    assert_eq!(moved.status, 200);
    let heir = json!({ "connection": DATABASE, "email": "eve@example.com", "password": PASSWORD });
    assert_eq!(machine.ask("POST", "users", &heir).status, 201);
    // The login has changed since the ticket was made.
    assert_eq!(tenant.browser().get(&link).status, 400);
    assert_eq!(submit(&tenant, &link, NEW).status, 400);
    assert_eq!(
        (login(&tenant, "eve@example.com", PASSWORD), login(&tenant, "eve@example.com", NEW)),
        (200, 403)
    );
}

fn a_ticket_lasts_thirty_days_at_most() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let long = machine.refusal(
        "POST",
        "tickets/password-change",
        &json!({ "user_id": "auth0|eve", "ttl_sec": 2_592_001 }),
    );
    assert_eq!(long.0, 400);
}

fn a_ticket_leads_to_a_client_or_nowhere() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    for url in [
        "https://evil.example/",
        "http://localhost:3000.evil.example/",
        "http://localhost:3000@evil.example/",
        "https://localhost:3000/",
        "http://localhost:3002/",
        "//localhost:3000/",
        "/relative",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        for kind in ["email-verification", "password-change"] {
            let body = json!({ "user_id": "auth0|eve", "result_url": url });
            assert_eq!(machine.refusal("POST", &format!("tickets/{kind}"), &body).0, 400, "{url}");
        }
    }
    let body = json!({ "user_id": "auth0|eve", "result_url": "https://evil.example/" });
    let words = "The origin of result_url is not among any client's callbacks, logout_urls or origins.";
    assert_eq!(machine.refusal("POST", "tickets/password-change", &body), (400, words.to_owned()));
}

fn a_blocked_user_stays_blocked() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    assert_eq!(machine.ask("PATCH", "users/auth0%7Ceve", &json!({ "blocked": true })).status, 200);
    let link = ticket(&machine, "password-change", &json!({ "user_id": "auth0|eve" }));
    let page = tenant.browser().get(&link);
    assert_eq!(page.status, 403);
    assert!(page.text().contains("This account is blocked, so that nothing was changed."), "{}", page.text());
    assert_eq!(submit(&tenant, &link, NEW).status, 403);
    assert_eq!(machine.ask("PATCH", "users/auth0%7Ceve", &json!({ "blocked": false })).status, 200);
    assert_eq!(
        (login(&tenant, "eve@example.com", PASSWORD), login(&tenant, "eve@example.com", NEW)),
        (200, 403)
    );
}

fn tickets_are_for_accounts_of_databases() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let words = "The user's main connection does not support this operation.".to_owned();
    for path in ["tickets/email-verification", "tickets/password-change", "jobs/verification-email"] {
        let google = machine.refusal("POST", path, &json!({ "user_id": "google-oauth2|1080" }));
        assert_eq!(google, (400, words.clone()), "{path}");
        let nobody = machine.refusal("POST", path, &json!({ "user_id": "auth0|nobody" }));
        assert_eq!(nobody, (404, "The user does not exist.".to_owned()), "{path}");
        let organization = json!({ "user_id": "auth0|ada", "organization_id": "org_1" });
        let refused = machine.refusal("POST", path, &organization);
        assert_eq!(refused, (400, "This tenant has no tickets for an organization.".to_owned()), "{path}");
        let client = json!({ "user_id": "auth0|ada", "client_id": "nobody" });
        assert_eq!(machine.refusal("POST", path, &client).0, 404, "{path}");
    }
    let both = json!({ "user_id": "auth0|ada", "email": "eve@example.com", "connection_id": "con_AAAAAAAAAAAAAAAA" });
    assert_eq!(machine.refusal("POST", "tickets/password-change", &both).0, 400);
    let elsewhere = json!({ "email": "eve@example.com", "connection_id": "con_BBBBBBBBBBBBBBBB" });
    assert_eq!(machine.refusal("POST", "tickets/password-change", &elsewhere).0, 404);
}

fn a_mail_verifies_an_address() {
    let tenant = with_people();
    let machine = Machine::of(&tenant);
    let sent = machine.ask(
        "POST",
        "jobs/verification-email",
        &json!({ "user_id": "auth0|eve", "client_id": "web" }),
    );
    assert_eq!(sent.status, 201);
    let job = sent.json();
    assert_eq!((&job["type"], &job["status"]), (&json!("verification_email"), &json!("pending")));
    let job = machine.get(&format!("jobs/{}", text(&job["id"])));
    assert_eq!(job["status"], "completed");
    let outbox = tenant.send(&crate::http::Request::get("/dev/outbox")).json();
    let mail = &outbox[0];
    assert_eq!((&mail["to"], &mail["kind"]), (&json!("eve@example.com"), &json!("verify")));
    // The mail can reach somebody who does not know the password of the account.
    follow(&tenant, &text(&mail["link"]), "");
    assert_eq!(machine.get("users/auth0%7Ceve")["email_verified"], false);
    follow(&tenant, &text(&mail["link"]), PASSWORD);
    assert_eq!(machine.get("users/auth0%7Ceve")["email_verified"], true);
}

fn tickets_need_their_scopes() {
    needs_a_scope(
        &with_people(),
        &[
            ("POST", "tickets/email-verification"),
            ("POST", "tickets/password-change"),
            ("POST", "jobs/verification-email"),
        ],
    );
}
