//! The logins that end with a password, an account, or a link.

use std::time::Duration;

use serde_json::{Value, json};

use super::second_tokens::{as_ada, proof, two};
use super::{log_in, patch, path, refreshed, reset, silent, subject_of, tenant_with};
use crate::http::{Browser, Request, Response};
use crate::tenants::{
    DATABASE, PASSWORD, Tenant, authorize, by_google, by_id, by_password, claims, database_user, redeem,
    text, user,
};

crate::tests![
    a_reset_ends_what_every_identity_has,
    a_block_ends_what_every_identity_has,
    a_deletion_ends_what_every_identity_has,
    a_link_ends_the_refresh_tokens_of_all_identities_of_the_second,
    a_link_at_a_login_ends_them_too,
    sessions_follow_the_primary,
    the_right_password_is_right_at_once,
    what_a_user_is_logged_in_by_is_listed_and_ended,
    a_restart_brings_no_token_back,
    tokens_that_were_issued_to_the_primary_stay_good,
    an_identity_that_was_linked_before_the_first_proof_is_parted,
    a_mail_for_somebody_who_is_gone_resets_nobody,
    codes_that_were_mailed_before_a_reset_end,
    a_token_is_as_old_as_its_login,
];

/// Ada, whose account has a Google identity and another password as well.
fn ada() -> Tenant {
    let users = database_user("ada", "ada@example.com")
        + &database_user("second", "second@example.com")
        + &user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let tenant = tenant_with(&users, &[]);
    link(&tenant, "auth0|ada", &by_id("google-oauth2", "1080"));
    link(&tenant, "auth0|ada", &by_id("auth0", "second"));
    tenant
}

fn link(tenant: &Tenant, primary: &str, body: &Value) {
    let link = Request::post(format!("{}/identities", path(primary))).json(body);
    let linked = tenant.send(&link.bearer(&tenant.client_token("web")));
    assert_eq!(linked.status, 201, "{}", linked.text());
}

/// The tokens of a login in a browser, with a session.
fn tokens(tenant: &Tenant, login: &Response) -> Value {
    redeem(tenant, "web", &login.answer()["code"]).json()
}

/// Ada is logged in by each of her identities.
struct Logins {
    google: Browser,
    second: Browser,
    tokens: [Value; 2],
}

fn logins(tenant: &Tenant) -> Logins {
    let (mut google, mut second) = (tenant.browser(), tenant.browser());
    let by = [by_google(&mut google, "1080", &[]), by_password(&mut second, "second@example.com", &[])];
    let tokens = by.map(|login| tokens(tenant, &login));
    for token in &tokens {
        assert_eq!(claims(&token["id_token"])["sub"], "auth0|ada");
    }
    Logins { google, second, tokens }
}

fn assert_ended(tenant: &Tenant, logins: &mut Logins) {
    for browser in [&mut logins.google, &mut logins.second] {
        assert_eq!(silent(browser), "login_required");
    }
    for tokens in &logins.tokens {
        let refused = refreshed(tenant, &tokens["refresh_token"]);
        assert_eq!(refused.json()["error"], "invalid_grant", "{}", refused.text());
    }
}

fn a_reset_ends_what_every_identity_has() {
    let tenant = ada();
    let mut before = logins(&tenant);
    let own = tenant.password_tokens("web", "second@example.com", "openid read:current_user");
    let profiles = || {
        [path("auth0|ada"), "/userinfo".to_owned()]
            .map(|target| tenant.send(&Request::get(target).bearer(&text(&own["access_token"]))).status)
    };
    assert_eq!(profiles(), [200, 200]);
    reset(&tenant, "ada@example.com", "another password").expect("a mail");
    assert_ended(&tenant, &mut before);
    assert_eq!(profiles(), [401, 401]);
    assert_eq!(subject_of(&log_in(&tenant, "ada@example.com", "another password")), "auth0|ada");
    assert_eq!(silent(&mut logins(&tenant).google), "logged in");
}

fn a_block_ends_what_every_identity_has() {
    let tenant = ada();
    let mut before = logins(&tenant);
    assert_eq!(patch(&tenant, "auth0|ada", &json!({ "blocked": true })).status, 200);
    assert_eq!(silent(&mut before.google), "unauthorized");
    assert_eq!(patch(&tenant, "auth0|ada", &json!({ "blocked": false })).status, 200);
    assert_ended(&tenant, &mut before);
    assert_eq!(subject_of(&log_in(&tenant, "ada@example.com", PASSWORD)), "auth0|ada");
}

fn a_deletion_ends_what_every_identity_has() {
    let tenant = ada();
    let mut before = logins(&tenant);
    let gone = super::administration(&tenant, Request::new("DELETE", path("auth0|ada")));
    assert_eq!(gone.status, 204);
    // Another login with Google is a separate user.
    by_google(&mut tenant.browser(), "1080", &[]);
    assert_ended(&tenant, &mut before);
}

fn a_link_ends_the_refresh_tokens_of_all_identities_of_the_second() {
    let tenant = ada();
    let created = json!({ "connection": DATABASE, "email": "first@example.com", "password": PASSWORD });
    let first = super::administration(&tenant, Request::post("/api/v2/users").json(&created)).json();
    let before = logins(&tenant);
    let kept = log_in(&tenant, "first@example.com", PASSWORD).json();
    link(&tenant, &text(&first["user_id"]), &by_id("auth0", "ada"));
    for tokens in &before.tokens {
        assert_eq!(refreshed(&tenant, &tokens["refresh_token"]).json()["error"], "invalid_grant");
    }
    assert_eq!(refreshed(&tenant, &kept["refresh_token"]).status, 200);
}

fn a_link_at_a_login_ends_them_too() {
    let policy = tempfile::NamedTempFile::new().expect("a file");
    let set = |mode: &str| {
        let text = json!({ "mode": mode, "trusted_connections": ["google-oauth2"] });
        std::fs::write(policy.path(), text.to_string()).expect("a file is written");
    };
    set("observe");
    let users = database_user("ada", "ada@example.com")
        + &user("google-oauth2|1080", "ada@example.com", "google-oauth2");
    let tenant = tenant_with(&users, &["--policy", policy.path().to_str().expect("a path in UTF-8")]);
    let google = tokens(&tenant, &by_google(&mut tenant.browser(), "1080", &[]));
    let own = log_in(&tenant, "ada@example.com", PASSWORD).json();
    assert_eq!(claims(&google["id_token"])["sub"], "google-oauth2|1080");
    set("auto");
    tenant.running.signal("HUP");
    while !tenant.running.log().contains("plugin and policy reloaded") {
        std::thread::sleep(Duration::from_millis(20));
    }
    let joined = tokens(&tenant, &by_google(&mut tenant.browser(), "1080", &[]));
    assert_eq!(claims(&joined["id_token"])["sub"], "auth0|ada");
    let ended = refreshed(&tenant, &google["refresh_token"]);
    assert_eq!(ended.json()["error"], "invalid_grant", "{}", ended.text());
    for kept in [&own, &joined] {
        assert_eq!(refreshed(&tenant, &kept["refresh_token"]).status, 200);
    }
}

fn sessions_follow_the_primary() {
    let tenant = tenant_with(
        &(database_user("ada", "ada@example.com")
            + &user("google-oauth2|1080", "ada@example.com", "google-oauth2")),
        &[],
    );
    let mut browser = tenant.browser();
    by_google(&mut browser, "1080", &[]);
    link(&tenant, "auth0|ada", &by_id("google-oauth2", "1080"));
    let again = tokens(&tenant, &browser.get(&authorize(&[("prompt", "none")])));
    assert_eq!(claims(&again["id_token"])["sub"], "auth0|ada");
}

fn the_right_password_is_right_at_once() {
    let tenant = ada();
    for n in 0..60 {
        let password = format!("password number {n}");
        assert_eq!(patch(&tenant, "auth0|ada", &json!({ "password": password })).status, 200);
        let login = log_in(&tenant, "ada@example.com", &password);
        assert_eq!(login.status, 200, "{n}: {}", login.text());
    }
    for n in 0..60 {
        let email = format!("ada{n}@example.com");
        assert_eq!(patch(&tenant, "auth0|ada", &json!({ "email": email })).status, 200);
        let login = log_in(&tenant, &email, "password number 59");
        assert_eq!(login.status, 200, "{n}: {}", login.text());
    }
}

fn what_a_user_is_logged_in_by_is_listed_and_ended() {
    let tenant = ada();
    let mut before = logins(&tenant);
    let ask = |method: &str, what: &str| {
        super::administration(&tenant, Request::new(method, format!("{}/{what}", path("auth0|ada"))))
    };
    let sessions = ask("GET", "sessions?take=1").json();
    let next = ask("GET", &format!("sessions?from={}", text(&sessions["next"]))).json();
    let sids = [&sessions["sessions"][0]["id"], &next["sessions"][0]["id"]];
    for tokens in &before.tokens {
        assert!(sids.contains(&&claims(&tokens["id_token"])["sid"]), "{sessions} {next}");
    }
    let listed = ask("GET", "refresh-tokens").json();
    assert_eq!(listed["tokens"].as_array().map(Vec::len), Some(2));
    let secrets = before
        .tokens
        .iter()
        .flat_map(|it| text(&it["refresh_token"]).split('.').map(str::to_owned).collect::<Vec<_>>());
    for secret in secrets {
        assert!(!listed.to_string().contains(&secret), "{listed}");
    }
    assert_eq!(ask("DELETE", "sessions").status, 202);
    assert_eq!(silent(&mut before.google), "login_required");
    assert_eq!(ask("DELETE", "refresh-tokens").status, 202);
    assert_ended(&tenant, &mut before);
    assert_eq!(ask("GET", "sessions").json()["sessions"], json!([]));
    let denied = Request::get(format!("{}/sessions", path("auth0|ada"))).bearer(&tenant.client_token("web"));
    assert_eq!(tenant.send(&denied).status, 403);
}

/// The issuer is a fixed host name, because the port changes with each start.
fn a_restart_brings_no_token_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    let named = "name = \"tenant\"\nhosts = [\"tenant.test\"]";
    let config = crate::tenants::CONFIG.replacen("name = \"tenant\"", named, 1);
    let config = config + &database_user("ada", "ada@example.com");
    let start = || Tenant::within(folder.path(), &config, &["--directory", &directory]);
    let at_name = |tenant: &Tenant, request: Request| tenant.send(&request.header("host", "tenant.test"));
    let log_in = |tenant: &Tenant, password: &str| {
        let fields = [
            ("grant_type", crate::tenants::REALM_GRANT),
            ("realm", DATABASE),
            ("username", "ada@example.com"),
            ("password", password),
            ("audience", "http://tenant.test/api/v2/"),
            ("scope", "openid read:current_user"),
            ("client_id", "web"),
            ("client_secret", crate::tenants::secret_of("web").expect("a secret")),
        ];
        text(&at_name(tenant, Request::post("/oauth/token").form(&fields)).json()["access_token"])
    };
    let tenant = start();
    let before = log_in(&tenant, PASSWORD);
    reset(&tenant, "ada@example.com", "another password").expect("a mail");
    let after = log_in(&tenant, "another password");
    tenant.running.stop();

    let tenant = start();
    let profiles = |token: &str| {
        let targets = [path("auth0|ada"), "/userinfo".to_owned()];
        targets.map(|target| at_name(&tenant, Request::get(target).bearer(token)).status)
    };
    assert_eq!((profiles(&before), profiles(&after)), ([401, 401], [200, 200]));
}

fn tokens_that_were_issued_to_the_primary_stay_good() {
    let tenant = two();
    let before = log_in(&tenant, "two@example.com", PASSWORD).json();
    assert_eq!(as_ada(&tenant, "POST", "", Some(&proof(&tenant, "two@example.com"))).status, 201);
    let after = log_in(&tenant, "two@example.com", PASSWORD).json();
    assert_eq!(refreshed(&tenant, &before["refresh_token"]).json()["error"], "invalid_grant");
    // Other identities of the primary stay.
    let other = json!({ "connection": DATABASE, "email": "x@example.com", "password": PASSWORD });
    let other = super::administration(&tenant, Request::post("/api/v2/users").json(&other)).json();
    link(&tenant, "auth0|ada", &by_id("auth0", &text(&other["user_id"]).replace("auth0|", "")));
    assert_eq!(refreshed(&tenant, &after["refresh_token"]).status, 200);
}

/// Eve makes an account with Ada's address and links her own identity to it. Ada
/// may click on the mail of that sign-up before she asks for a password.
fn an_identity_that_was_linked_before_the_first_proof_is_parted() {
    trojan(false);
    trojan(true);
}

fn trojan(is_verified_first: bool) {
    let tenant = tenant_with(&user("google-oauth2|1080", "eve@example.com", "google-oauth2"), &[]);
    assert_eq!(super::sign_up(&tenant, DATABASE, "ada@example.com").status, 200);
    let scope = "openid update:current_user_identities";
    let made = tenant.password_tokens("web", "ada@example.com", scope);
    let victim = text(&claims(&made["id_token"])["sub"]);
    let google = tokens(&tenant, &by_google(&mut tenant.browser(), "1080", &[("scope", "openid")]));
    let link = Request::post(format!("{}/identities", path(&victim)));
    let link = link.json(&json!({ "link_with": google["id_token"] }));
    assert_eq!(tenant.send(&link.bearer(&text(&made["access_token"]))).status, 201);
    if is_verified_first {
        // Google knows the address, so that Ada was told of the link, too.
        let mut mails = super::mails(&tenant, "ada@example.com");
        mails.retain(|mail| mail["kind"] == "verify");
        let ticket = text(&mails[0]["link"]).split("ticket=").nth(1).expect("a ticket").to_owned();
        let fields = [("ticket", &*ticket), ("password", PASSWORD)];
        let clicked = tenant.send(&Request::post("/u/email-verification").form(&fields));
        assert_eq!(clicked.status, 200, "{}", clicked.text());
    }

    reset(&tenant, "ada@example.com", "another password").expect("a mail");
    let login = tokens(&tenant, &by_google(&mut tenant.browser(), "1080", &[]));
    assert_eq!(claims(&login["id_token"])["sub"], "google-oauth2|1080");
    assert_eq!(subject_of(&log_in(&tenant, "ada@example.com", "another password")), json!(victim));
    assert_eq!(tenant.user(&victim).json()["email_verified"], true);
}

fn a_mail_for_somebody_who_is_gone_resets_nobody() {
    let tenant = two();
    let asked = json!({ "client_id": "web", "connection": DATABASE, "email": "two@example.com" });
    tenant.send(&Request::post("/dbconnections/change_password").json(&asked));
    let mail = super::mails(&tenant, "two@example.com").remove(0);
    let ticket = text(&mail["link"]).split("ticket=").nth(1).expect("a ticket").to_owned();
    assert_eq!(super::administration(&tenant, Request::new("DELETE", path("auth0|two"))).status, 204);
    assert_eq!(super::sign_up(&tenant, DATABASE, "two@example.com").status, 200);
    let fields = [("ticket", ticket.as_str()), ("password", "another password")];
    assert_eq!(tenant.send(&Request::post("/u/reset").form(&fields)).status, 400);
    assert_eq!(log_in(&tenant, "two@example.com", PASSWORD).status, 200);
}

fn codes_that_were_mailed_before_a_reset_end() {
    let tenant = tenant_with(&database_user("ada", "ada@example.com"), &[]);
    let code = || {
        let start = [
            ("client_id", "web"),
            ("client_secret", crate::tenants::secret_of("web").expect("a secret")),
            ("connection", "email"),
            ("send", "code"),
            ("email", "box@example.com"),
        ];
        tenant.send(&Request::post("/passwordless/start").form(&start));
        text(&super::mails(&tenant, "box@example.com")[0]["code"])
    };
    let by = |code: &str| {
        let grant = "http://auth0.com/oauth/grant-type/passwordless/otp";
        let fields = [
            ("grant_type", grant),
            ("realm", "email"),
            ("username", "box@example.com"),
            ("otp", code),
            ("scope", "openid"),
        ];
        tenant.token("web", &fields)
    };
    let id = text(&subject_of(&by(&code()))).replace("email|", "");
    link(&tenant, "auth0|ada", &by_id("email", &id));
    let old = code();
    reset(&tenant, "ada@example.com", "another password").expect("a mail");
    assert_eq!(by(&old).status, 403);
    assert_eq!(by(&code()).status, 200);
}

/// A token that is issued while a reset ends its login counts as issued before the reset.
fn a_token_is_as_old_as_its_login() {
    let tenant = two();
    let mut browser = tenant.browser();
    let began = |tokens: &Value, kind: &str| {
        text(&claims(&tokens[kind])["jti"]).split('-').next().expect("a time").to_owned()
    };
    let first = tokens(&tenant, &by_password(&mut browser, "two@example.com", &[]));
    let silent = tokens(&tenant, &browser.get(&authorize(&[("prompt", "none")])));
    let renewed = refreshed(&tenant, &first["refresh_token"]).json();
    for later in [&silent, &renewed] {
        for kind in ["access_token", "id_token"] {
            assert_eq!(began(later, kind), began(&first, kind));
            assert_ne!(claims(&later[kind])["jti"], claims(&first[kind])["jti"]);
        }
    }
}
