//! The confirmation of another account: a browser between the hook and a local tenant, which
//! is the tenant of the other login.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Browser, Request, encoded};
use crate::scene::{
    CONTINUE, DATABASE, EMAIL, STRANGER, Scene, TRANSACTION, answer_of, claims_of, field, nonce, start_hook,
};
use crate::service::{GOOGLE, OLD_SECRET, SECRET, codes, event, event_of, now, signed_to};

crate::tests![
    a_suggestion_is_a_redirect_only_if_the_action_can_redirect,
    a_user_who_logs_in_to_the_other_account_is_linked,
    a_confirmation_links_where_the_tenant_is_the_directory,
    two_processes_share_a_confirmation,
    an_answer_links_once,
    the_login_to_the_other_account_is_not_decided,
    a_cancelled_login_is_asked_again_and_links_nothing,
    a_tenant_that_is_away_is_told_and_the_user_may_decline,
    another_account_is_refused_and_asked_again,
    the_old_secret_carries_a_confirmation_to_its_end,
];

fn a_suggestion_is_a_redirect_only_if_the_action_can_redirect() {
    let scene = Scene::new();
    let answer = scene.service.ask(&event());
    assert_eq!((&answer["action"], codes(&answer)[0]), (&json!("proceed"), "CONFIRMATION_UNAVAILABLE"));
    let user = scene.place.json(&["users", "show", GOOGLE]);
    assert!(user["app_metadata"].get("linking").is_none(), "it is no prompt: {user}");

    let answer = scene.ask(&event());
    assert_eq!(answer["action"], "redirect", "{answer}");
    assert!(!codes(&answer).is_empty());
    let user = scene.place.json(&["users", "show", GOOGLE]);
    assert_eq!(user["app_metadata"]["linking"]["prompts"], 1, "{user}");
}

/// The event of such a login is older than the count of its prompt.
fn a_confirmation_links_where_the_tenant_is_the_directory() {
    let prompts = json!({ "ask_again_after_days": 0, "grace": 1 });
    let scene = Scene::with_policy(&json!({ "mode": "required", "prompts": prompts }));
    // Its user arrives at the tenant.
    scene.ask(&event());
    let domain = scene.tenant.http.trim_start_matches("http://").trim_end_matches('/');
    let directory = format!("auth0://{domain}");
    let options = ["--directory", &directory, "--journal", "sqlite:journal.db"];
    let hook = start_hook(&scene.place, &scene.tenant, "127.0.0.1:0", &scene.public_url, &options);
    let send = |path: &str, body: Value| hook.send(&signed_to(path, body.to_string(), SECRET, now())).json();
    let asked =
        send("/v1/auth0/post-login", json!({ "event": event(), "can_redirect": true, "nonce": nonce() }));
    let declined = send(CONTINUE, json!({ "event": event(), "answer": null, "nonce": nonce() }));
    assert_eq!(declined["action"], "deny", "it is the second prompt: {declined}");
    let answer = scene.visitor().confirm(&asked);
    let ended = send(CONTINUE, json!({ "event": event(), "answer": answer, "nonce": nonce() }));
    assert_eq!(
        (&ended["action"], &ended["primary_user_id"]),
        (&json!("set_primary_user"), &json!(DATABASE)),
        "{ended}"
    );
    assert_eq!(scene.identities(DATABASE), 2);
}

fn a_user_who_logs_in_to_the_other_account_is_linked() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    for words in ["You already have an account", "logged in with Google", EMAIL] {
        assert!(page.text().contains(words), "{words}: {}", page.text());
    }
    let sent = visitor.submit("/v1/confirm/login", &page).answer();
    for (name, value) in [
        ("prompt", "login"),
        ("max_age", "0"),
        ("login_hint", EMAIL),
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        ("scope", "openid email"),
    ] {
        assert_eq!(sent.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!sent.contains_key("connection"), "it would show how the other account logs in");
    assert!(!sent.contains_key("acr_values"), "no account has a second factor");

    let back = visitor.log_in(&page, EMAIL);
    assert!(back.text().contains(&format!("action=\"{}continue?state={TRANSACTION}\"", scene.tenant.http)));
    assert!(visitor.hook.cookies.is_empty(), "the question is closed");
    let token = claims_of(&field(&back, "ligature_token"));
    assert_eq!((&token["sub"], &token["iss"]), (&json!(GOOGLE), &json!("localhost")));

    let answer = scene.resume(&event(), Some(&answer_of(&back, TRANSACTION)));
    assert_eq!(answer["action"], "set_primary_user", "{answer}");
    assert_eq!(answer["primary_user_id"], DATABASE);
    assert_eq!((scene.identities(DATABASE), scene.place.links()), (2, 1));
}

/// Behind a load balancer, the requests of one confirmation may reach different processes.
fn two_processes_share_a_confirmation() {
    let scene = Scene::new();
    let other = start_hook(&scene.place, &scene.tenant, "127.0.0.1:0", &scene.public_url, &[]);
    let asked = scene.ask(&event());
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let cookies = std::mem::take(&mut visitor.hook.cookies);
    visitor.hook = Browser::at(&other.url);
    visitor.hook.cookies = cookies;
    let sent = visitor.hook.send(
        Request::post("/v1/confirm/login")
            .form(&[("page", &field(&page, "page"))])
            .header("origin", &*scene.public_url),
    );
    let callback = visitor.log_in_at(&sent.location(), EMAIL);
    let answer = answer_of(&visitor.get_hook(&callback), TRANSACTION);
    assert_eq!(scene.resume(&event(), Some(&answer))["action"], "set_primary_user");
}

fn an_answer_links_once() {
    let scene = Scene::new();
    let answer = scene.confirmed(&event());
    assert_eq!(scene.resume(&event(), Some(&answer))["action"], "set_primary_user");
    // The user of the answer is no separate user any more.
    let again = scene.resume(&event(), Some(&answer));
    assert_eq!(codes(&again)[0], "CONFIRMATION_REFUSED", "{again}");
    assert_eq!((&again["action"], scene.place.links()), (&json!("set_primary_user"), 1));
}

fn the_login_to_the_other_account_is_not_decided() {
    let scene = Scene::with_policy(&json!({ "mode": "auto", "trusted_connections": ["google-oauth2"] }));
    scene.service.ask(&event_of("google-oauth2|7", "unrelated@example.com", "google-oauth2"));
    let mut nested = event_of(DATABASE, EMAIL, "Username-Password-Authentication");
    nested["client"]["client_id"] = json!("confirm");
    let answer = scene.ask(&nested);
    assert_eq!((&answer["action"], codes(&answer)), (&json!("proceed"), vec!["CONFIRMATION_LOGIN"]));
    assert_eq!(scene.place.links(), 0);
    scene.service.log_with("reasons=\"CONFIRMATION_LOGIN\"");
    let page = scene.service.get("/metrics").text();
    assert!(page.contains("ligature_login_reasons_total{code=\"CONFIRMATION_LOGIN\"} 1"), "{page}");
}

fn a_cancelled_login_is_asked_again_and_links_nothing() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let sent = visitor.submit("/v1/confirm/login", &page).answer();
    let callback = |state: &str| {
        let query =
            encoded(&[("error", "access_denied"), ("error_description", "<b>no</b>"), ("state", state)]);
        format!("/v1/confirm/callback?{query}")
    };
    // A callback that belongs to no login of this browser ends here.
    assert_eq!(visitor.get_hook(&callback("another")).status, 400);
    let again = visitor.get_hook(&callback(&sent["state"]));
    assert!(again.text().contains("You did not log in to the other account"), "{}", again.text());
    assert!(!again.text().contains("<b>no"));
    // The same callback is not accepted twice, and the user may go on unlinked.
    assert_eq!(visitor.get_hook(&callback(&sent["state"])).status, 400);
    let answer = answer_of(&visitor.submit("/v1/confirm/decline", &again), TRANSACTION);
    let answer = scene.resume(&event(), Some(&answer));
    assert_eq!((&answer["action"], scene.place.links()), (&json!("proceed"), 0));
    assert_eq!(codes(&answer)[0], "DECLINED");
}

fn a_tenant_that_is_away_is_told_and_the_user_may_decline() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    scene.tenant.signal("KILL");
    let address = scene.tenant.http.trim_start_matches("http://localhost:").trim_end_matches('/');
    let port: u16 = address.parse().expect("a port");
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let again = visitor.submit("/v1/confirm/login", &page);
    assert!(again.text().contains("could not be checked"), "{}", again.text());
    let answer = answer_of(&visitor.submit("/v1/confirm/decline", &again), TRANSACTION);
    assert_eq!(scene.resume(&event(), Some(&answer))["action"], "proceed");
    scene.service.log_with("cannot be reached");
}

fn another_account_is_refused_and_asked_again() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let again = visitor.log_in(&page, "stranger@example.com");
    assert!(again.text().contains("belongs to another account"), "{}", again.text());
    let linked = visitor.log_in(&again, EMAIL);
    let answer = scene.resume(&event(), Some(&answer_of(&linked, TRANSACTION)));
    assert_eq!(answer["primary_user_id"], DATABASE, "{answer}");
    assert_eq!(scene.identities(STRANGER), 1);
}

fn the_old_secret_carries_a_confirmation_to_its_end() {
    let scene = Scene::with_options(&json!({ "mode": "suggest" }), &["--secret-file", "old"]);
    let asked = scene.ask_with(&event(), OLD_SECRET);
    let answer = scene.visitor().confirm(&asked);
    // The Action may have got the new secret in between.
    assert_eq!(scene.resume(&event(), Some(&answer))["action"], "set_primary_user");
}
