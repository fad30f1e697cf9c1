//! The limit of codes and links that anybody can have sent.

use serde_json::json;

use super::guesses::send_from;
use super::tenant_with;
use crate::account::person::Person;
use crate::clocked::Clocked;
use crate::http::{Browser, Request, Response, state_of};
use crate::tenants::{DATABASE, PASSWORD, Tenant, database_user, login_form, open, secret_of, text};

crate::tests![
    ten_codes_go_to_one_address_and_one_more_each_minute,
    an_application_with_a_secret_has_a_limit_for_each_address_only,
    a_page_says_that_too_many_were_requested,
    a_link_for_a_new_password_is_limited_whoever_has_an_account,
    ten_codes_of_a_factor_go_to_one_account,
    ten_mails_verify_one_address,
    fifty_accounts_are_created_from_one_address,
    fifty_messages_are_sent_from_one_address,
    a_tenant_without_the_limit_sends_all,
];

fn people() -> String {
    let ada = database_user("ada", "ada@example.com") + "multifactor = [\"otp\"]\n";
    let eve =
        database_user("eve", "eve@example.com").replace("email_verified = true", "email_verified = false");
    ada + &eve
}

fn start(email: &str) -> Request {
    let body = json!({ "client_id": "spa", "connection": "email", "send": "code", "email": email });
    Request::post("/passwordless/start").json(&body)
}

fn assert_too_many(response: &Response, error: &str) {
    let body = response.json();
    assert_eq!((response.status, &body[error]), (429, &json!("too_many_requests")), "{body}");
    assert!(response.text().contains("Too many messages were requested. Nothing was sent."), "{body}");
}

fn assert_page_says_too_many(page: &Response) {
    assert_eq!(page.status, 429, "{}", page.text());
    assert!(page.text().contains("Too many messages were requested. Nothing was sent."), "{}", page.text());
}

fn sent(tenant: &Clocked, to: &str) -> usize {
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    outbox.as_array().expect("a list").iter().filter(|it| it["to"] == to).count()
}

fn ten_codes_go_to_one_address_and_one_more_each_minute() {
    let tenant = Clocked::start(&people());
    // Another spelling is the same address.
    for n in 0..10 {
        let to = ["ada@example.com", "Ada@Example.com"][n % 2];
        assert_eq!(tenant.send(&start(to)).status, 200);
    }
    let refused = tenant.send(&start("ada@example.com"));
    assert_too_many(&refused, "error");
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert!(refused.text().contains("Try again in a minute."), "{}", refused.text());
    assert_eq!(sent(&tenant, "ada@example.com"), 10);
    tenant.advance_ms(59_999);
    assert_eq!(tenant.send(&start("ada@example.com")).header("retry-after"), Some("1"));
    tenant.advance_ms(1);
    assert_eq!(tenant.send(&start("ada@example.com")).status, 200);
    assert_eq!(tenant.send(&start("ada@example.com")).status, 429);
    assert_eq!(tenant.send(&start("bob@example.com")).status, 200, "another address");
    // A reset of the tenant gives everything back.
    assert_eq!(tenant.send(&Request::post("/dev/reset")).status, 204);
    assert_eq!(tenant.send(&start("ada@example.com")).status, 200);
}

fn an_application_with_a_secret_has_a_limit_for_each_address_only() {
    let tenant = Clocked::start("");
    let start = |email: &str| {
        let secret = secret_of("web").expect("a secret");
        let body = json!({ "client_id": "web", "client_secret": secret, "connection": "email", "send": "code", "email": email });
        tenant.send(&Request::post("/passwordless/start").json(&body))
    };
    assert!((0..60).all(|n| start(&format!("user{n}@example.com")).status == 200));
    assert!((0..50).all(|_| start("ada@example.com").status == 200));
    let refused = start("ada@example.com");
    assert_too_many(&refused, "error");
    assert_eq!(refused.header("retry-after"), Some("72"));
    assert!(refused.text().contains("Try again in 2 minutes."), "{}", refused.text());
    tenant.advance_ms(72_000);
    assert_eq!(start("ada@example.com").status, 200);
}

fn ask(browser: &mut Browser, state: &str, send: &str) -> Response {
    let fields = [("state", state), ("connection", "email"), ("address", "eve@example.com"), ("send", send)];
    browser.submit("/u/code/start", &fields)
}

fn a_page_says_that_too_many_were_requested() {
    let tenant = Clocked::start(&people());
    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    // Codes and links are counted together.
    assert!((0..10).all(|n| ask(&mut browser, &state, ["code", "link"][n % 2]).status == 302));
    for send in ["code", "link"] {
        assert_page_says_too_many(&ask(&mut browser, &state, send));
    }
    assert_eq!(sent(&tenant, "eve@example.com"), 10);
    tenant.advance_ms(60_000);
    assert_eq!(ask(&mut browser, &state, "link").status, 302);
    // The page goes on.
    assert_eq!(browser.submit("/u/login", &login_form(&state, "eve@example.com")).status, 302);
}

fn a_link_for_a_new_password_is_limited_whoever_has_an_account() {
    let tenant = Clocked::start(&people());
    let ask = |email: &str| {
        let body = json!({ "client_id": "web", "connection": DATABASE, "email": email });
        tenant.send(&Request::post("/dbconnections/change_password").json(&body))
    };
    for email in ["eve@example.com", "nobody@example.com"] {
        assert!((0..10).all(|_| ask(email).status == 200));
        assert_too_many(&ask(email), "code");
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[]);
        let form = [("state", &*state), ("connection", DATABASE), ("email", email)];
        assert_page_says_too_many(&browser.submit("/u/forgot", &form));
    }
    assert_eq!((sent(&tenant, "eve@example.com"), sent(&tenant, "nobody@example.com")), (10, 0));
}

fn ten_codes_of_a_factor_go_to_one_account() {
    let tenant = Clocked::start(&people());
    let mut browser = tenant.browser();
    let state = state_of(&tenant.by_password(&mut browser));
    let send = |browser: &mut Browser| browser.submit("/u/second-factor/send", &[("state", &state)]);
    assert!((0..9).all(|_| send(&mut browser).status == 303));
    let refused = send(&mut browser);
    assert_page_says_too_many(&refused);
    assert!(refused.text().contains("Your second factor"), "{}", refused.text());
    // A login that would send a code does not go on, and has not used its proof.
    let mut again = tenant.browser();
    let login = open(&mut again, &[]);
    assert_page_says_too_many(&tenant.submit_password(&mut again, &login));
    // Neither does a login that began elsewhere.
    let ticket = json!({ "client_id": "web", "credential_type": "http://auth0.com/oauth/grant-type/password-realm",
        "realm": DATABASE, "username": "ada@example.com", "password": PASSWORD });
    let ticket = Request::post("/co/authenticate").json(&ticket).header("origin", "http://localhost:3000");
    let ticket = text(&again.send(ticket).json()["login_ticket"]);
    let refused = again.get(&crate::tenants::authorize(&[("login_ticket", &ticket)])).answer();
    assert_eq!(refused.get("error").map(String::as_str), Some("too_many_requests"), "{refused:?}");
    assert_eq!(sent(&tenant, "ada@example.com"), 10);
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let fields = [("state", &*state), ("code", &*text(&outbox[0]["code"]))];
    assert!(
        browser.submit("/u/second-factor", &fields).answer().contains_key("code"),
        "the last code is valid"
    );
    tenant.advance_ms(60_000);
    assert_eq!(tenant.submit_password(&mut again, &login).status, 303);
}

fn ten_mails_verify_one_address() {
    let tenant = Clocked::start(&people());
    let mut eve = Person::at_clocked(&tenant).logged_in("eve@example.com");
    let page = eve.page("/account");
    assert!((0..10).all(|_| eve.submit(&page, "/account/verify", &[]).status == 303));
    assert_page_says_too_many(&eve.submit(&page, "/account/verify", &[]));
    tenant.advance_ms(60_000);
    assert_eq!(eve.submit(&page, "/account/verify", &[]).status, 303);
}

fn fifty_accounts_are_created_from_one_address() {
    let tenant = Clocked::start("");
    let sign_up = |n: u32| {
        let email = format!("user{n}@example.com");
        let body =
            json!({ "client_id": "web", "connection": DATABASE, "email": email, "password": PASSWORD });
        tenant.send(&Request::post("/dbconnections/signup").json(&body))
    };
    assert!((0..50).all(|n| sign_up(n).status == 200));
    assert_too_many(&sign_up(50), "code");
    let by_email =
        Request::get("/api/v2/users-by-email?email=user50@example.com").bearer(&tenant.client_token());
    assert_eq!(tenant.send(&by_email).json(), json!([]), "nobody was created");
    tenant.advance_ms(1_200);
    assert_eq!(sign_up(50).status, 200);
}

fn fifty_messages_are_sent_from_one_address() {
    let tenant = tenant_with("", &[]);
    let from = |sender: &str, n: u32| send_from(&tenant, sender, &start(&format!("user{n}@example.com")));
    assert!((0..50).all(|n| from("127.0.0.2", n).status == 200));
    assert_too_many(&from("127.0.0.2", 50), "error");
    assert_eq!(from("127.0.0.3", 50).status, 200, "another client");
    let refused = |line: &serde_json::Value| line["message"] == "a message was refused: too many were sent";
    let audit = tenant.log_of("audit");
    assert!(audit.iter().any(|line| refused(line) && line["ip"] == "127.0.0.2"), "{audit:?}");
    assert!(!audit.iter().any(|line| line.to_string().contains("user50@")), "{audit:?}");
}

fn a_tenant_without_the_limit_sends_all() {
    let tenant = Tenant::with("\n[rate_limit]\nmessages = false\n");
    assert!((0..60).all(|_| tenant.send(&start("ada@example.com")).status == 200));
    let audit = tenant.log();
    assert!(audit.iter().any(|line| line.to_string().contains("rate_limit.messages")), "{audit:?}");
}
