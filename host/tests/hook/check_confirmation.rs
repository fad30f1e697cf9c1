//! `ligature hook --check` on the application and the tenant of a confirmation.

use ligature_test_servers::reserve_port;

use crate::check::{LISTEN, hook, read};
use crate::service::{Place, program};
use crate::serving::Tenant;
use crate::standin::{Seen, Standin, answer, json};

crate::tests![
    every_fault_of_the_confirmation_is_told_in_one_sentence,
    a_confirmation_at_another_tenant_than_the_directorys_is_refused,
    the_application_of_a_confirmation_is_tried_at_the_tenant,
    the_answers_of_auth0_to_the_application_are_understood,
];

type Variables<'a> = &'a [(&'a str, &'a str)];

/// Checks a confirmation with these variables and options.
fn check_confirmation(place: &Place, variables: Variables<'_>, options: &[&str]) -> (Option<i32>, String) {
    let mut command = program();
    command.args(["hook", "--check", "--directory", &place.directory, "--secret-file", "secret"]);
    command
        .args(LISTEN)
        .args(["--policy", "policy.json"])
        .args(options)
        .envs(variables.iter().copied())
        .current_dir(place.folder.path());
    read(&command.output().expect("the program runs"), place)
}

fn every_fault_of_the_confirmation_is_told_in_one_sentence() {
    let place = Place::new();
    let config = include_str!("tenant.toml").replace("{hook}", "https://hook.example.com");
    let tenant = Tenant::start(&place.file("tenant"), &config, &[]);
    let domain = tenant.http.trim_start_matches("http://").trim_end_matches('/');
    let unused = format!("127.0.0.1:{}", reserve_port());
    let id = ("LIGATURE_CONFIRM_CLIENT_ID", "confirm");
    let both = [id, ("LIGATURE_CONFIRM_CLIENT_SECRET", "s3cret-value")];
    let url = ["--confirm-url", "https://hook.example.com"];
    let cases: [(Variables, &[&str]); 8] = [
        (&both, &["--confirm-url", "hook.example.com", "--confirm-tenant", domain]),
        (&both, &["--confirm-url", "http://hook.example.com", "--confirm-tenant", domain]),
        (&both, &["--confirm-url", "https://hook.example.com/?x=1", "--confirm-tenant", domain]),
        (&both, &url),
        (&both, &[url[0], url[1], "--confirm-tenant", "https://login.example.com"]),
        (&[], &[url[0], url[1], "--confirm-tenant", domain]),
        (&[id], &[url[0], url[1], "--confirm-tenant", domain]),
        (&both, &[url[0], url[1], "--confirm-tenant", &unused]),
    ];
    let mut told = String::new();
    for (variables, options) in cases {
        let (code, said) = check_confirmation(&place, variables, options);
        assert_eq!(code, Some(2), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
        told += &said.replace(domain, "TENANT").replace(&unused, "UNUSED").replace(&domain[9..], "PORT");
    }
    insta::assert_snapshot!(told);
    let (code, said) = hook(&place, &["--check", "--confirm-tenant", domain]);
    assert!(code == Some(2) && said.contains("--confirm-url"), "{said}");
}

/// The ids of users are those of one tenant: a `sub` of another one would count as a proof.
fn a_confirmation_at_another_tenant_than_the_directorys_is_refused() {
    let place = Place::new();
    let config = include_str!("tenant.toml").replace("{hook}", "https://hook.example.com");
    let other = Tenant::start(&place.file("tenant"), &config, &[]);
    let domain = other.http.trim_start_matches("http://").trim_end_matches('/');
    let unused = format!("127.0.0.1:{}", reserve_port());
    let directory = format!("auth0://{unused}");
    for more in [&["--check"][..], &[]] {
        let mut command = program();
        command
            .args(["hook", "--directory", &directory, "--journal", "sqlite:journal.db"])
            .args(more)
            .args(LISTEN);
        command.args(["--secret-file", "secret", "--policy", "policy.json"]);
        command.args(["--confirm-url", "https://hook.example.com", "--confirm-tenant", domain]);
        command.env("LIGATURE_CONFIRM_CLIENT_ID", "confirm");
        command.env("LIGATURE_CONFIRM_CLIENT_SECRET", "the-secret-of-the-confirmation");
        let output = command.current_dir(place.folder.path()).output().expect("the program runs");
        let (code, said) = read(&output, &place);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains(&format!("--confirm-tenant names another tenant than --directory ({unused})")),
            "{said}"
        );
    }
}

/// Checks the id, the secret, the callback and the grant type against a local tenant.
fn the_application_of_a_confirmation_is_tried_at_the_tenant() {
    let place = Place::new();
    let config = include_str!("tenant.toml").replace("{hook}", "https://hook.example.com");
    let tenant = Tenant::start(&place.file("tenant"), &config, &[]);
    let domain = tenant.http.trim_start_matches("http://").trim_end_matches('/');
    let check = |id: &str, secret: &str, url: &str| {
        let variables = [("LIGATURE_CONFIRM_CLIENT_ID", id), ("LIGATURE_CONFIRM_CLIENT_SECRET", secret)];
        check_confirmation(&place, &variables, &["--confirm-url", url, "--confirm-tenant", domain])
    };
    let (right, url) = ("the-secret-of-the-confirmation", "https://hook.example.com");
    let (code, said) = check("confirm", right, url);
    let callback = "https://hook.example.com/v1/confirm/callback";
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("accepts the application, its secret and the callback {callback}\n")),
        "{said}"
    );
    for (id, secret, url, fault) in [
        (
            "confirm",
            "another-s3cret",
            url,
            "it refuses the application: check the client id and the client secret",
        ),
        ("unknown", right, url, "it refuses the application: check the client id and the client secret"),
        ("management", "management-secret", url, "enable its grant type Authorization Code"),
        (
            "confirm",
            right,
            "https://other.example.com",
            "it does not send users back to https://other.example.com/v1/confirm/callback: add this URL to the \
             application's Allowed Callback URLs",
        ),
    ] {
        let (code, said) = check(id, secret, url);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains("error: confirmation: the tenant at which users log in: ") && said.contains(fault),
            "{said}"
        );
        assert!(!said.contains(secret) && !said.contains("are usable"), "{said}");
    }
}

/// Source: Auth0, the answers of `/oauth/token`, and the error page of `/authorize`.
fn the_answers_of_auth0_to_the_application_are_understood() {
    const WRONG: &str = r#"{"error":"access_denied","error_description":"Unauthorized"}"#;
    const NO_CODE: &str = r#"{"error":"invalid_grant","error_description":"Invalid authorization code"}"#;
    let login_required =
        "location: https://hook.example.com/v1/confirm/callback?error=login_required&state=x\r\n";
    let cases = [
        (
            "401 Unauthorized",
            WRONG,
            "302 Found",
            login_required,
            Some("check the client id and the client secret"),
        ),
        (
            "401 Unauthorized",
            r#"{"error":"invalid_client"}"#,
            "302 Found",
            login_required,
            Some("check the client id"),
        ),
        ("403 Forbidden", NO_CODE, "302 Found", login_required, None),
        ("403 Forbidden", NO_CODE, "403 Forbidden", "", Some("Allowed Callback URLs")),
        (
            "403 Forbidden",
            NO_CODE,
            "302 Found",
            "location: https://acme.example/error?x=1\r\n",
            Some("Allowed Callback URLs"),
        ),
        ("403 Forbidden", NO_CODE, "503 Service Unavailable", "", Some("answers with the status 503")),
        ("503 Service Unavailable", "busy", "302 Found", login_required, Some("the tenant accepts no code")),
    ];
    for (token, body, authorize, location, fault) in cases {
        let port = std::sync::Arc::new(std::sync::OnceLock::<u16>::new());
        let known = port.clone();
        let tenant = Standin::start(move |seen: &Seen| {
            let issuer = format!("http://127.0.0.1:{}", known.get().expect("the port"));
            let path = seen.path.split('?').next().unwrap_or_default();
            Some(vec![match path {
                "/.well-known/openid-configuration" => {
                    let document = serde_json::json!({
                        "issuer": format!("{issuer}/"), "authorization_endpoint": format!("{issuer}/authorize"),
                        "token_endpoint": format!("{issuer}/oauth/token"), "jwks_uri": format!("{issuer}/jwks.json"),
                    });
                    json("200 OK", "", &document.to_string())
                }
                "/jwks.json" => {
                    json("200 OK", "", r#"{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}"#)
                }
                "/oauth/token" => json(token, "", body),
                _ => answer(authorize, location, ""),
            }])
        });
        port.set(tenant.port()).expect("it is set once");
        let variables =
            [("LIGATURE_CONFIRM_CLIENT_ID", "confirm"), ("LIGATURE_CONFIRM_CLIENT_SECRET", "s3cret-value")];
        let domain = format!("127.0.0.1:{}", tenant.port());
        let options = ["--confirm-url", "https://hook.example.com", "--confirm-tenant", &domain];
        let (code, said) = check_confirmation(&Place::new(), &variables, &options);
        assert_eq!(code, Some(if fault.is_some() { 2 } else { 0 }), "{token} {authorize}: {said}");
        assert!(fault.is_none_or(|fault| said.contains(fault)), "{token} {authorize}: {said}");
        assert!(!said.contains("s3cret-value"), "{said}");
    }
}
