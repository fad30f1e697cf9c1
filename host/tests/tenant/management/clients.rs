//! Clients, their grants, what the tenant is set to and what it does not have.

use serde_json::json;

use super::{Machine, needs_a_scope, tenant};
use crate::http::Request;
use crate::tenants::{Tenant, database_user};

crate::tests![
    clients_are_shown_without_their_secrets,
    a_secret_is_shown_with_its_scope,
    grants_and_apis_are_those_of_the_configuration,
    what_there_is_none_of_is_an_empty_list,
    clients_need_their_scopes,
];

fn clients_are_shown_without_their_secrets() {
    let tenant = tenant("");
    let machine = Machine::of(&tenant);
    let listed = machine.get("clients");
    assert_eq!(listed.as_array().expect("a list").len(), 4);
    assert!(!listed.to_string().contains("the secret of"), "{listed}");
    let web = machine.get("clients/web");
    assert_eq!(
        (&web["app_type"], &web["callbacks"][0]),
        (&json!("regular_web"), &json!("http://localhost:3000/callback"))
    );
    assert!(web["client_secret"].is_null(), "{web}");
    assert_eq!(machine.get("clients?app_type=spa")[0]["client_id"], "spa");
    assert_eq!(
        machine.get("clients?fields=name&app_type=spa"),
        json!([{ "name": "A single-page application" }])
    );
    assert_eq!(machine.get("clients?take=1")["next"], "web");
    let global = machine.get("clients?is_global=true&include_totals=true");
    assert_eq!((&global["total"], &global["clients"][0]["global"]), (&json!(1), &json!(true)));
    assert_eq!(
        machine.refusal("GET", "clients/nobody", &json!({})),
        (404, "The client does not exist".to_owned())
    );
}

fn a_secret_is_shown_with_its_scope() {
    let keeper = "\n[[clients]]\nclient_id = \"other-keeper\"\nclient_secret = \"the secret of the keeper\"\n\
                  grant_types = [\"client_credentials\"]\nscopes = [\"read:client_keys\"]\n";
    let tenant = Tenant::with(keeper);
    let audience = tenant.audience();
    let fields = [
        ("grant_type", "client_credentials"),
        ("audience", audience.as_str()),
        ("client_id", "other-keeper"),
        ("client_secret", "the secret of the keeper"),
    ];
    let token = tenant.send(&Request::post("/oauth/token").form(&fields)).json();
    let token = crate::tenants::text(&token["access_token"]);
    let shown = tenant.send(&Request::get("/api/v2/clients/web").bearer(&token)).json();
    assert_eq!(shown["client_secret"], "the secret of the web application");
}

fn grants_and_apis_are_those_of_the_configuration() {
    let api = "\n[[apis]]\nidentifier = \"https://api.example.com/\"\nscopes = [\"read:orders\"]\n";
    let tenant = tenant(api);
    let machine = Machine::of(&tenant);
    let grants = machine.get("client-grants?client_id=other&include_totals=true");
    let shown: Vec<_> = grants["client_grants"]
        .as_array()
        .expect("it is there")
        .iter()
        .map(|it| (&it["audience"], &it["scope"]))
        .collect();
    let own = json!(tenant.audience());
    assert_eq!(
        shown,
        [(&own, &json!(["read:users"])), (&json!("https://api.example.com/"), &json!(["read:orders"]))]
    );
    let servers = machine.get("resource-servers");
    assert_eq!(
        (&servers[0]["identifier"], &servers[1]["identifier"]),
        (&own, &json!("https://api.example.com/"))
    );
    let settings = machine.get("tenants/settings?fields=friendly_name,session_lifetime");
    assert_eq!(settings, json!({ "friendly_name": "tenant", "session_lifetime": 72.0 }));
    assert_eq!(machine.get("attack-protection/brute-force-protection")["max_attempts"], 10);
}

fn what_there_is_none_of_is_an_empty_list() {
    let tenant = tenant("");
    let machine = Machine::of(&tenant);
    assert_eq!(machine.get("rules"), json!([]));
    assert_eq!(machine.get("rules?page=0&per_page=100&include_totals=true")["rules"], json!([]));
    let missing = machine.refusal("GET", "attack-protection/captcha", &json!({}));
    assert_eq!(missing, (403, "This tenant has no captcha.".to_owned()));
}

fn clients_need_their_scopes() {
    let tenant = tenant(&database_user("ada", "ada@example.com"));
    needs_a_scope(
        &tenant,
        &[
            ("GET", "clients"),
            ("GET", "clients/web"),
            ("GET", "client-grants"),
            ("GET", "resource-servers"),
            ("GET", "tenants/settings"),
            ("GET", "attack-protection/brute-force-protection"),
            ("GET", "actions/actions"),
            ("GET", "rules"),
            ("GET", "email-templates/verify_email"),
        ],
    );
}
