//! Custom domains: further names of the tenant.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{MACHINE, Machine, needs_a_scope};
use crate::http::Request;
use crate::tenants::{CONFIG, DATABASE, PASSWORD, REALM_GRANT, Tenant, database_user, secret_of, text};

crate::tests![
    a_custom_domain_is_an_issuer,
    a_custom_domain_is_no_audience_of_the_management_api,
    a_request_to_a_custom_domain_is_answered,
    custom_domains_need_their_scope,
];

const DOMAIN: &str = "login.example.com";

fn with_a_custom_domain() -> Tenant {
    let named = format!("name = \"tenant\"\ncustom_domains = [{DOMAIN:?}]");
    let config = CONFIG.replacen("name = \"tenant\"", &named, 1);
    Tenant::configured(&format!("{config}{MACHINE}{}", database_user("ada", "ada@example.com")), &[])
}

fn at_domain(request: Request) -> Request {
    request.header("host", DOMAIN)
}

fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("a payload")).expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}

fn a_custom_domain_is_an_issuer() {
    let tenant = with_a_custom_domain();
    let fields = [
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
        ("scope", "openid"),
        ("client_id", "web"),
        ("client_secret", secret_of("web").expect("a secret")),
    ];
    let tokens = tenant.send(&at_domain(Request::post("/oauth/token").form(&fields)));
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let token = text(&tokens.json()["id_token"]);
    assert_eq!(claims(&token)["iss"], format!("http://{DOMAIN}/"));
    let discovered = tenant.send(&at_domain(Request::get("/.well-known/openid-configuration"))).json();
    assert_eq!(discovered["issuer"], format!("http://{DOMAIN}/"));
    // Either name accepts the token.
    for request in [Request::get("/userinfo"), at_domain(Request::get("/userinfo"))] {
        let token = text(&tokens.json()["access_token"]);
        let profile = tenant.send(&request.bearer(&token));
        assert_eq!((profile.status, &profile.json()["sub"]), (200, &json!("auth0|ada")));
    }
}

/// The audience has another name of the tenant.
fn a_custom_domain_is_no_audience_of_the_management_api() {
    let tenant = with_a_custom_domain();
    let custom = format!("http://{DOMAIN}/api/v2/");
    let canonical = format!("{}api/v2/", tenant.http());
    let ask = |audience: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("audience", audience),
            ("client_id", "machine"),
            ("client_secret", "the secret of the machine"),
        ];
        tenant.send(&at_domain(Request::post("/oauth/token").form(&fields)))
    };
    let refused = ask(&custom);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(refused.json()["error_description"], format!("Service not found: {custom}"));
    let granted = ask(&canonical);
    let token = text(&granted.json()["access_token"]);
    assert_eq!(claims(&token)["aud"], canonical);
    let user = at_domain(Request::get("/api/v2/users/auth0%7Cada"));
    assert_eq!(tenant.send(&user.bearer(&token)).status, 200);
}

fn a_request_to_a_custom_domain_is_answered() {
    let tenant = with_a_custom_domain();
    let machine = Machine::of(&tenant);
    let listed = machine.get("custom-domains");
    assert_eq!((&listed[0]["domain"], &listed[0]["status"]), (&json!(DOMAIN), &json!("ready")));
    let page = machine.get("custom-domains?take=1");
    assert_eq!(page["custom_domains"], listed);
    let servers = machine.send(at_domain(Request::get("/api/v2/resource-servers"))).json();
    assert_eq!(servers[0]["identifier"], format!("{}api/v2/", tenant.http()));
    let other = tenant.send(&Request::get("/healthz").header("host", "login.example.org"));
    assert_eq!(other.status, 421);
}

fn custom_domains_need_their_scope() {
    needs_a_scope(&with_a_custom_domain(), &[("GET", "custom-domains")]);
}
