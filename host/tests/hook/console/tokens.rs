//! ID tokens of an issuer that is not what it should be.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ligature_test_servers::reserve_port;
use serde_json::{Value, json};

use super::desk::{SESSION, start_hook};
use crate::http::{Browser, Response};
use crate::service::{Place, Service, now};
use crate::standin::{Seen, Standin, json as json_answer};

crate::tests![
    a_right_token_lets_an_operator_enter,
    a_token_that_is_not_right_lets_nobody_enter,
    an_issuer_with_another_name_is_not_asked_for_a_login,
    an_issuer_that_is_away_lets_nobody_enter,
];

/// An issuer that issues the token that a test wants.
struct Issuer {
    standin: Standin,
    token: Arc<Mutex<String>>,
    key: KeyPair,
}

impl Issuer {
    fn start() -> Self {
        Self::named(|origin| origin.to_owned())
    }

    fn named(name: fn(&str) -> String) -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let keys = json!({ "keys": [public_key(&key)] });
        let token: Arc<Mutex<String>> = Arc::default();
        let issued = token.clone();
        let standin = Standin::start(move |seen: &Seen| {
            let origin = format!("http://{}", seen.header("host"));
            let path = seen.path.split('?').next().unwrap_or_default();
            let body = match path {
                "/.well-known/openid-configuration" => json!({
                    "issuer": name(&origin), "authorization_endpoint": format!("{origin}/authorize"),
                    "token_endpoint": format!("{origin}/token"), "jwks_uri": format!("{origin}/keys"),
                }),
                "/keys" => keys.clone(),
                "/token" => json!({
                    "access_token": "a", "token_type": "Bearer", "id_token": *issued.lock().expect("a lock"),
                }),
                _ => return None,
            };
            Some(vec![json_answer("200 OK", "", &body.to_string())])
        });
        Self { standin, token, key }
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.standin.port())
    }

    fn issue(&self, header: &Value, claims: &Value) {
        *self.token.lock().expect("a lock") = sign(&self.key, header, claims);
    }
}

fn public_key(key: &KeyPair) -> Value {
    let public = key.public_key();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig",
        "n": encode(public.modulus().big_endian_without_leading_zero()),
        "e": encode(public.exponent().big_endian_without_leading_zero()),
    })
}

fn sign(key: &KeyPair, header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    let rng = aws_lc_rs::rand::SystemRandom::new();
    let padding = &aws_lc_rs::signature::RSA_PKCS1_SHA256;
    key.sign(padding, &rng, signed.as_bytes(), &mut signature).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A hook of this issuer.
fn hook(issuer: &Issuer) -> (Place, Service) {
    let place = Place::new();
    place.write("operators.txt", "ada@example.com\n");
    let service = start_hook(&place, &issuer.origin(), 0);
    (place, service)
}

/// Logs in with a token of these claims. The claims of a right token are completed.
fn log_in(issuer: &Issuer, service: &Service, header: &Value, change: &Value) -> (Browser, Response) {
    let mut browser = Browser::at(&service.url);
    let sent = browser.get("/console/log-in");
    assert_eq!(sent.status, 303, "{}", sent.text());
    let url = url::Url::parse(&sent.location()).expect("a URL");
    let sent =
        |name: &str| url.query_pairs().find(|(known, _)| known == name).expect("a parameter").1.into_owned();
    let mut claims = json!({
        "iss": issuer.origin(), "sub": "ada", "aud": "console", "nonce": sent("nonce"),
        "iat": now(), "exp": now() + 600, "email": "ada@example.com", "email_verified": true,
    });
    for (claim, value) in change.as_object().expect("claims") {
        claims[claim] = value.clone();
    }
    issuer.issue(header, &claims);
    let end = browser.get(&format!("/console/callback?code=c&state={}", sent("state")));
    (browser, end)
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": "k", "typ": "JWT" })
}

fn a_right_token_lets_an_operator_enter() {
    let issuer = Issuer::start();
    let (_place, service) = hook(&issuer);
    let (mut browser, end) = log_in(&issuer, &service, &header(), &json!({}));
    assert_eq!(end.status, 303, "{}\n{}", end.text(), service.log());
    assert!(browser.get("/console").text().contains("Operator: ada@example.com"));
    // Without a word on it, the secret is sent in a header.
    let exchanged = issuer.standin.requests("/token").pop().expect("a request");
    assert!(exchanged.header("authorization").starts_with("Basic "));
    assert!(String::from_utf8_lossy(&exchanged.body).contains("code_verifier="));
}

fn a_token_that_is_not_right_lets_nobody_enter() {
    let issuer = Issuer::start();
    let (_place, service) = hook(&issuer);
    let other = Issuer::start();
    let cases = [
        ("iss", json!(other.origin())),
        ("aud", json!("another")),
        ("aud", json!(["console", "another"])),
        ("azp", json!("another")),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("exp", json!(now() - 3_600)),
        ("iat", json!(now() + 3_600)),
        ("sub", json!("")),
    ];
    let refused = |header: &Value, change: &Value, status: u16| {
        let (browser, end) = log_in(&issuer, &service, header, change);
        assert_eq!(end.status, status, "{header} {change}: {}", end.text());
        assert!(!browser.cookies.contains_key(SESSION), "{header} {change}");
    };
    for (claim, value) in cases {
        refused(&header(), &json!({ claim: value }), 503);
    }
    for (key, value) in
        [("alg", json!("none")), ("alg", json!("HS256")), ("kid", json!("x")), ("kid", Value::Null)]
    {
        let mut header = header();
        header[key] = value;
        refused(&header, &json!({}), 503);
    }
    for change in [
        json!({ "email_verified": false }),
        json!({ "email_verified": Value::Null }),
        json!({ "email": "other@example.com" }),
        json!({ "email": Value::Null }),
    ] {
        refused(&header(), &change, 403);
    }
    // Right claims, signed by a key that the issuer does not publish.
    let mut browser = Browser::at(&service.url);
    let url = url::Url::parse(&browser.get("/console/log-in").location()).expect("a URL");
    let sent =
        |name: &str| url.query_pairs().find(|(known, _)| known == name).expect("a parameter").1.into_owned();
    let claims = json!({
        "iss": issuer.origin(), "sub": "ada", "aud": "console", "nonce": sent("nonce"),
        "iat": now(), "exp": now() + 600, "email": "ada@example.com", "email_verified": true,
    });
    *issuer.token.lock().expect("a lock") = sign(&other.key, &header(), &claims);
    assert_eq!(browser.get(&format!("/console/callback?code=c&state={}", sent("state"))).status, 503);
    assert!(service.log_with("a login to the console was refused").contains("issuer"));
}

fn an_issuer_with_another_name_is_not_asked_for_a_login() {
    let issuer = Issuer::named(|_| "https://evil.test".to_owned());
    let (_place, service) = hook(&issuer);
    assert_eq!(Browser::at(&service.url).get("/console/log-in").status, 503);
    service.log_with("its issuer is another one than the configured one");
}

fn an_issuer_that_is_away_lets_nobody_enter() {
    let port = reserve_port();
    let place = Place::new();
    place.write("operators.txt", "ada@example.com\n");
    let service = start_hook(&place, &format!("http://127.0.0.1:{port}"), 0);
    let answer = Browser::at(&service.url).get("/console/log-in");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("The log says why"), "{}", answer.text());
    assert_eq!(Browser::at(&service.url).get("/healthz").status, 200);
}
