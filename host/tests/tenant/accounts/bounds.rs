//! The bounds of typed and stored texts.

use serde_json::{Value, json};

use super::{administration, log_in, mails, patch, refreshed, sign_up, tenant_with};
use crate::http::Request;
use crate::tenants::{DATABASE, PASSWORD, REALM_GRANT, Tenant, claims, database_user, open, text};

crate::tests![
    one_syntax_for_addresses,
    one_syntax_for_phone_numbers,
    what_a_mail_goes_on_with_is_known_and_small,
    scopes_that_stand_often_are_kept_once,
    a_ticket_is_for_a_client_that_there_is,
    refresh_tokens_of_one_user_push_out_no_others,
];

const SMS: &str = "\n[[connections]]\nname = \"sms\"\nstrategy = \"sms\"\n";

fn tenant() -> Tenant {
    tenant_with(&format!("{SMS}{}", database_user("ada", "ada@example.com")), &[])
}

fn one_syntax_for_addresses() {
    let tenant = tenant();
    let of_255 = format!(
        "{}@{}.example.com",
        "a".repeat(60),
        ["b".repeat(60), "c".repeat(60), "d".repeat(60)].join(".")
    );
    for email in [
        "Victim Name <victim@example.com>",
        "<victim@example.com>",
        "\"c5\"@example.com",
        "c5@localhost",
        "c5@[127.0.0.1]",
        "c5@example.com.",
        "c5@example..com",
        "c5@@example.com",
        "a@b@example.com",
        "c5 @example.com",
        "c5@example.com,d@example.com",
        "mıke@example.com",
        "c5@ex\u{430}mple.com",
        "c5\u{200b}@example.com",
        "undefined",
        &of_255,
    ] {
        let signed_up = sign_up(&tenant, DATABASE, email);
        assert_eq!(signed_up.status, 400, "{email}: {}", signed_up.text());
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[]);
        let fields =
            [("state", state.as_str()), ("connection", DATABASE), ("email", email), ("password", PASSWORD)];
        assert_eq!(browser.submit("/u/sign-up", &fields).status, 400, "{email}");
        let account =
            [("state", state.as_str()), ("connection", "google-oauth2"), ("user_id", "7"), ("email", email)];
        assert_eq!(browser.submit("/u/stand-in", &account).status, 400, "{email}");
        let code = [("state", state.as_str()), ("connection", "email"), ("address", email)];
        assert_eq!(browser.submit("/u/code/start", &code).status, 400, "{email}");

        let start = json!({ "client_id": "web", "connection": "email", "send": "code", "email": email,
            "client_secret": "the secret of the web application" });
        assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&start)).status, 400, "{email}");
        let user = json!({ "connection": DATABASE, "email": email, "password": PASSWORD });
        assert_eq!(
            administration(&tenant, Request::post("/api/v2/users").json(&user)).status,
            400,
            "{email}"
        );
        let user = json!({ "connection": "email", "email": email });
        assert_eq!(
            administration(&tenant, Request::post("/api/v2/users").json(&user)).status,
            400,
            "{email}"
        );
        assert_eq!(patch(&tenant, "auth0|ada", &json!({ "email": email })).status, 400, "{email}");
    }
    assert_eq!(sign_up(&tenant, DATABASE, "Ada.Lovelace+x@mail.example.com").status, 200);
}

fn one_syntax_for_phone_numbers() {
    let tenant = tenant();
    for number in
        ["", "15550100", "+", "+1 555 0100", "+1555x", "+１５５", "+1234567890123456", "tel:+15550100"]
    {
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[]);
        let code = [("state", state.as_str()), ("connection", "sms"), ("address", number)];
        // People type numbers with blanks, and programs do not.
        let on_page = if number == "+1 555 0100" { 302 } else { 400 };
        assert_eq!(browser.submit("/u/code/start", &code).status, on_page, "{number}");
        let start =
            json!({ "client_id": "web", "connection": "sms", "send": "code", "phone_number": number });
        assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&start)).status, 400, "{number}");
        let user = json!({ "connection": "sms", "phone_number": number });
        assert_eq!(
            administration(&tenant, Request::post("/api/v2/users").json(&user)).status,
            400,
            "{number}"
        );
        assert_eq!(patch(&tenant, "auth0|ada", &json!({ "phone_number": number })).status, 400, "{number}");
    }
    assert_eq!(patch(&tenant, "auth0|ada", &json!({ "phone_number": "+15550100" })).status, 200);
}

/// Nested, a value takes a hundred times its text in memory.
fn what_a_mail_goes_on_with_is_known_and_small() {
    let tenant = tenant_with("\n[rate_limit]\nmessages = false\n", &[]);
    // As large as a body may be.
    let nested = Value::Array(vec![json!([]); 10_000]);
    let before = tenant.memory_kib();
    for n in 0..400 {
        let start = json!({
            "client_id": "spa", "connection": "email", "send": "link", "email": format!("n{n}@example.com"),
            "authParams": { "scope": nested, "state": "kept" },
        });
        assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&start)).status, 200);
    }
    assert_eq!(mails(&tenant, "n0@example.com").len(), 1);
    if let (Some(before), Some(after)) = (before, tenant.memory_kib()) {
        // 400 of them were more than a gigabyte.
        assert!(after < before + 100 * 1024, "from {before} to {after} KiB");
    }
}

fn scopes_that_stand_often_are_kept_once() {
    let tenant = tenant();
    let scope = "openid offline_access ".repeat(300) + "profile";
    let fields = [
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
        ("scope", &scope),
    ];
    let tokens = tenant.token("web", &fields).json();
    assert_eq!(tokens["scope"], "openid offline_access profile");
    assert_eq!(claims(&tokens["access_token"])["scope"], "openid offline_access profile");
    assert_eq!(refreshed(&tenant, &tokens["refresh_token"]).json()["scope"], "openid offline_access profile");
}

fn a_ticket_is_for_a_client_that_there_is() {
    let tenant = tenant();
    let fields = |client: &str| {
        let login = [("username", "ada@example.com"), ("password", PASSWORD), ("connection", DATABASE)];
        let fields = [&login[..], &[("client_id", client)]].concat();
        tenant.send(&Request::post("/usernamepassword/login").form(&fields)).status
    };
    assert_eq!((fields("web"), fields("nobody"), fields(&"x".repeat(8000))), (200, 400, 400));
}

fn refresh_tokens_of_one_user_push_out_no_others() {
    let users = database_user("ada", "ada@example.com") + &database_user("eve", "eve@example.com");
    let tenant = tenant_with(&users, &[]);
    let token = |email: &str| log_in(&tenant, email, PASSWORD).json()["refresh_token"].clone();
    let (ada, eves_first) = (token("ada@example.com"), token("eve@example.com"));
    let eves: Vec<Value> = (0..200).map(|_| token("eve@example.com")).collect();
    assert_eq!(refreshed(&tenant, &eves_first).json()["error"], "invalid_grant");
    for kept in [&ada, &eves[0], &eves[199]] {
        assert_eq!(refreshed(&tenant, kept).status, 200, "{}", text(kept));
    }
}
