//! A confirmation with a second factor. A stand-in of the tenant issues ID tokens that name any
//! factors, or none.

use std::sync::{Arc, Mutex, OnceLock};

use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ligature_test_servers::reserve_port;
use serde_json::{Value, json};

use crate::http::{Browser, Request, encoded};
use crate::scene::{CONTINUE, EMAIL, POST_LOGIN, TRANSACTION, USER_AGENT, answer_of, field, nonce};
use crate::service::{DATABASE, Place, SECRET, Service, codes, event, now, program, signed_to};
use crate::standin::{Seen, Standin, json as answer_json};

crate::tests![
    a_login_with_a_second_factor_proves_the_account,
    a_login_with_a_factor_that_is_no_second_one_is_asked_again,
];

const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

/// A tenant that exchanges every code for an ID token with these claims.
struct Issuer {
    tenant: Standin,
    claims: Arc<Mutex<Value>>,
}

impl Issuer {
    fn start() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
        let keys = json!({ "keys": [{
            "kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig",
            "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero()),
        }] });
        let (port, claims) = (Arc::new(OnceLock::<u16>::new()), Arc::new(Mutex::new(Value::Null)));
        let (known, issued) = (port.clone(), claims.clone());
        let tenant = Standin::start(move |seen: &Seen| {
            let issuer = format!("http://127.0.0.1:{}", known.get().expect("the port"));
            let body = match seen.path.as_str() {
                "/.well-known/openid-configuration" => json!({
                    "issuer": format!("{issuer}/"), "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/oauth/token"), "jwks_uri": format!("{issuer}/jwks.json"),
                }),
                "/jwks.json" => keys.clone(),
                _ => {
                    let mut claims = issued.lock().expect("the claims").clone();
                    claims["iss"] = json!(format!("{issuer}/"));
                    json!({ "access_token": "a", "token_type": "Bearer", "id_token": sign(&key, &claims) })
                }
            };
            Some(vec![answer_json("200 OK", "", &body.to_string())])
        });
        port.set(tenant.port()).expect("it is set once");
        Self { tenant, claims }
    }
}

fn sign(key: &KeyPair, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": "RS256", "kid": "k", "typ": "JWT" });
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    let (rng, padding) = (aws_lc_rs::rand::SystemRandom::new(), &aws_lc_rs::signature::RSA_PKCS1_SHA256);
    key.sign(padding, &rng, signed.as_bytes(), &mut signature).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A hook whose users confirm at this tenant.
fn start(place: &Place, issuer: &Issuer) -> (Service, String) {
    place.write("policy.json", json!({ "mode": "suggest" }).to_string());
    let listen = format!("127.0.0.1:{}", reserve_port());
    let public_url = format!("http://{listen}");
    let mut command = program();
    command
        .current_dir(place.folder.path())
        .args(["hook", "--listen", &listen, "--confirm-url", &public_url, "--directory", &place.directory])
        .args(["--confirm-tenant", &format!("127.0.0.1:{}", issuer.tenant.port())])
        .args(["--policy", "policy.json", "--secret-file", "secret"])
        .env("LIGATURE_CONFIRM_CLIENT_ID", "confirm")
        .env("LIGATURE_CONFIRM_CLIENT_SECRET", "the-secret-of-the-confirmation");
    (Service::spawn(command, place.folder.path()), public_url)
}

/// A login whose user has a second factor, so that the policy wants one of the other account.
fn login() -> Value {
    let mut event = event();
    event["user"]["multifactor"] = json!(["guardian"]);
    event
}

fn ask(hook: &Service, path: &str, more: &Value) -> Value {
    let mut body = json!({ "event": login(), "nonce": nonce() });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    hook.send(&signed_to(path, body.to_string(), SECRET, now())).json()
}

/// Confirms with a login of these methods. Returns the page to which it leads.
fn confirm(
    issuer: &Issuer,
    (browser, page): (&mut Browser, &crate::http::Response),
    amr: &Value,
) -> crate::http::Response {
    let sent = browser.submit("/v1/confirm/login", &[("page", &field(page, "page"))]);
    come_back(issuer, (browser, &sent), amr)
}

/// Comes back from the tenant after a login of these methods.
fn come_back(
    issuer: &Issuer,
    (browser, sent): (&mut Browser, &crate::http::Response),
    amr: &Value,
) -> crate::http::Response {
    let sent = sent.answer();
    *issuer.claims.lock().expect("the claims") = json!({
        "sub": DATABASE, "aud": "confirm", "nonce": sent["nonce"], "iat": now(), "exp": now() + 600,
        "auth_time": now(), "email": EMAIL, "email_verified": true, "amr": amr,
    });
    let query = encoded(&[("code", "a-code"), ("state", &sent["state"])]);
    browser.send(Request::get(format!("/v1/confirm/callback?{query}")).header("user-agent", USER_AGENT))
}

fn open(hook: &Service, public_url: &str) -> (Browser, crate::http::Response) {
    let asked = ask(hook, POST_LOGIN, &json!({ "can_redirect": true }));
    assert_eq!(asked["action"], "redirect", "{asked}");
    let query = encoded(&[("token", asked["token"].as_str().expect("a token")), ("state", TRANSACTION)]);
    let mut browser = Browser::at(public_url);
    let page = browser.send(Request::get(format!("/v1/confirm?{query}")).header("user-agent", USER_AGENT));
    (browser, page)
}

fn a_login_with_a_second_factor_proves_the_account() {
    let (place, issuer) = (Place::new(), Issuer::start());
    let (hook, public_url) = start(&place, &issuer);
    let (mut browser, page) = open(&hook, &public_url);
    let back = confirm(&issuer, (&mut browser, &page), &json!(["pwd", "mfa"]));
    let answer = answer_of(&back, TRANSACTION);
    let ended = ask(&hook, CONTINUE, &json!({ "answer": answer }));
    assert_eq!((&ended["action"], &ended["primary_user_id"]), (&json!("set_primary_user"), &json!(DATABASE)));
    assert_eq!(codes(&ended)[0], "LINKED_BY_PROOF", "{ended}");
    assert_eq!(place.links(), 1);
    let log = hook.log_with("code=\"proved\"");
    assert!(log.contains("reasons=\"LINKED_BY_PROOF"), "{log}");
}

fn a_login_with_a_factor_that_is_no_second_one_is_asked_again() {
    let (place, issuer) = (Place::new(), Issuer::start());
    let (hook, public_url) = start(&place, &issuer);
    let (mut browser, mut page) = open(&hook, &public_url);
    // The tenant is asked for a factor only after a proof of the account: a stranger learns nothing of it.
    let sent = browser.submit("/v1/confirm/login", &[("page", &field(&page, "page"))]);
    assert!(!sent.answer().contains_key("acr_values"), "{:?}", sent.answer());
    let sent = come_back(&issuer, (&mut browser, &sent), &json!(["pwd"]));
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(sent.answer().get("acr_values").map(String::as_str), Some(MULTI_FACTOR));
    page = come_back(&issuer, (&mut browser, &sent), &json!(["pwd"]));
    assert!(!page.text().contains("ligature_token"), "{}", page.text());
    for amr in [Value::Null, json!([]), json!(["pwd"]), json!("mfa"), json!(["MFA"]), json!(["mfa2"])] {
        let again = confirm(&issuer, (&mut browser, &page), &amr);
        assert!(!again.text().contains("ligature_token"), "{amr}: {}", again.text());
        page = again;
    }
    hook.log_with("code=\"no_second_factor\"");
    // The same browser may still do so.
    let back = confirm(&issuer, (&mut browser, &page), &json!(["mfa"]));
    let ended = ask(&hook, CONTINUE, &json!({ "answer": answer_of(&back, TRANSACTION) }));
    assert_eq!(ended["action"], "set_primary_user", "{ended}");
}
