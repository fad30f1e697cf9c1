//! The end of the logins of an identity that leaves an account, in whatever way it leaves.
//!
//! The identity gets the second factor of the account that it leaves. A factor that one of its logins
//! has passed before does not count for it.

use std::process::Command;

use serde_json::Value;

use super::File;
use super::second_factors::{MULTI_FACTOR, assert_asked, code_to, id_token, pass};
use crate::http::{Browser, Request, Response, state_of};
use crate::tenants::{
    Tenant, authorize, by_google, by_id, by_password, database_user, login_form, redeem, text,
};

crate::tests![
    an_unlink_by_the_administration_ends_the_logins_of_the_identity,
    an_unlink_by_the_user_ends_the_logins_of_the_identity,
    an_unlink_that_an_application_requests_ends_the_logins_of_the_identity,
    a_separation_by_another_process_ends_the_logins_of_the_identity,
    logins_of_before_a_separation_stay_ended_when_the_accounts_are_linked_again,
    a_token_of_an_unlinked_login_stays_revoked_when_the_login_is_added_again,
];

/// The stand-in's user with Ada's address.
const GOOGLE: &str = "1080";

/// Ada has a second factor. Nothing is linked by a login.
fn tenant(args: &[&str]) -> Tenant {
    let policy = File::with(r#"{"mode": "observe"}"#);
    let ada = database_user("ada", "ada@example.com") + "multifactor = [\"otp\"]\n";
    Tenant::started(&ada, &[&["--policy", policy.name()], args].concat())
}

fn link(tenant: &Tenant) {
    let link = Request::post("/api/v2/users/auth0|ada/identities").json(&by_id("google-oauth2", GOOGLE));
    let linked = tenant.send(&link.bearer(&tenant.client_token("web")));
    assert_eq!(linked.status, 201, "{}", linked.text());
}

fn unlink(tenant: &Tenant, token: &str) {
    let unlink = Request::new("DELETE", "/api/v2/users/auth0|ada/identities/google-oauth2/1080");
    let done = tenant.send(&unlink.bearer(token));
    assert_eq!(done.status, 200, "{}", done.text());
}

/// The logins by Google that are open while its account is linked and separated again. They have passed
/// a factor of the account of Google.
struct OpenLogins {
    session: Browser,
    code: String,
    tokens: Value,
    /// The page of a factor, its state and its code.
    asked: (Browser, String, String),
}

fn by_own_factor(tenant: &Tenant, browser: &mut Browser, with: &[(&str, &str)]) -> Response {
    let asked = by_google(browser, GOOGLE, &[&[("acr_values", MULTI_FACTOR)], with].concat());
    assert_asked(&asked);
    pass(browser, &state_of(&asked), &code_to(tenant, "ada@example.com"))
}

fn open_logins(tenant: &Tenant) -> OpenLogins {
    let mut session = tenant.browser();
    let own = [("audience", &*tenant.audience()), ("scope", "openid read:current_user offline_access")];
    let tokens = by_own_factor(tenant, &mut session, &own).answer();
    let tokens = redeem(tenant, "web", &tokens["code"]).json();
    let silent = session.get(&authorize(&[("prompt", "none")])).answer();
    let code = silent.get("code").unwrap_or_else(|| panic!("{silent:?}")).clone();
    let mut asked = tenant.browser();
    let page = by_google(&mut asked, GOOGLE, &[("acr_values", MULTI_FACTOR)]);
    let asked = (asked, state_of(&page), code_to(tenant, "ada@example.com"));
    OpenLogins { session, code, tokens, asked }
}

impl OpenLogins {
    /// Every login of before asks for the factor that the identity has now, or has ended.
    fn assert_ended(mut self, tenant: &Tenant) {
        self.assert_session_ended(tenant);
        let (mut browser, state, code) = self.asked;
        let late = pass(&mut browser, &state, &code);
        assert!(!late.location().contains("code="), "{} {}", late.status, late.location());
        assert_eq!(browser.get(&authorize(&[("prompt", "none")])).answer()["error"], "login_required");
    }

    fn assert_session_ended(&mut self, tenant: &Tenant) {
        for with in [&[("prompt", "none")][..], &[("prompt", "none"), ("acr_values", MULTI_FACTOR)]] {
            let silent = self.session.get(&authorize(with)).answer();
            assert_eq!(silent["error"], "login_required", "{with:?}");
        }
        assert!(self.session.get("/account").location().contains("/u/login"), "the account page is closed");
        assert_eq!(redeem(tenant, "web", &self.code).json()["error"], "invalid_grant");
        let refresh = text(&self.tokens["refresh_token"]);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
        assert_eq!(tenant.token("web", &refresh).json()["error"], "invalid_grant");
    }

    /// The same, and the identity's own tokens.
    fn assert_all_ended(self, tenant: &Tenant) {
        let own = text(&self.tokens["access_token"]);
        let user = tenant.send(&Request::get("/api/v2/users/google-oauth2|1080").bearer(&own));
        assert_eq!(user.status, 401, "{}", user.text());
        self.assert_ended(tenant);
    }
}

/// Ada, with her factor. Returns her tokens, and the browser that has her session.
fn ada(tenant: &Tenant, with: &[(&str, &str)]) -> (Browser, Value) {
    let mut browser = tenant.browser();
    let asked = by_password(&mut browser, "ada@example.com", with);
    let end = pass(&mut browser, &state_of(&asked), &code_to(tenant, "ada@example.com"));
    (browser, redeem(tenant, "web", &end.answer()["code"]).json())
}

fn an_unlink_by_the_administration_ends_the_logins_of_the_identity() {
    let tenant = tenant(&[]);
    let logins = open_logins(&tenant);
    link(&tenant);
    unlink(&tenant, &tenant.client_token("web"));
    logins.assert_all_ended(&tenant);
    // A new login passes the factor.
    let mut browser = tenant.browser();
    let asked = by_google(&mut browser, GOOGLE, &[]);
    assert_asked(&asked);
    let end = pass(&mut browser, &state_of(&asked), &code_to(&tenant, "ada@example.com"));
    assert_eq!(id_token(&tenant, &end)["sub"], "google-oauth2|1080");
}

fn an_unlink_by_the_user_ends_the_logins_of_the_identity() {
    let tenant = tenant(&[]);
    let logins = open_logins(&tenant);
    link(&tenant);
    let own = [("audience", &*tenant.audience()), ("scope", "openid update:current_user_identities")];
    let (mut browser, tokens) = ada(&tenant, &own);
    unlink(&tenant, &text(&tokens["access_token"]));
    logins.assert_all_ended(&tenant);
    assert!(browser.get(&authorize(&[("prompt", "none")])).answer().contains_key("code"), "the owner stays");
}

fn an_unlink_that_an_application_requests_ends_the_logins_of_the_identity() {
    let tenant = tenant(&[]);
    let logins = open_logins(&tenant);
    link(&tenant);
    let (mut browser, tokens) = ada(&tenant, &[]);
    let request = [
        ("scope", "openid unlink_account"),
        ("requested_connection", "google-oauth2"),
        ("id_token_hint", &*text(&tokens["id_token"])),
    ];
    let state = state_of(&browser.get(&authorize(&request)));
    assert_asked(&browser.submit("/u/login", &login_form(&state, "ada@example.com")));
    let end = pass(&mut browser, &state, &code_to(&tenant, "ada@example.com"));
    assert_eq!(id_token(&tenant, &end)["sub"], "auth0|ada");
    assert_eq!(tenant.user("auth0|ada").json()["identities"].as_array().map(Vec::len), Some(1));
    logins.assert_all_ended(&tenant);
}

/// No process ends the logins of another one. The directory says that they are of before.
fn a_separation_by_another_process_ends_the_logins_of_the_identity() {
    let elsewhere = Elsewhere::start();
    let tenant = &elsewhere.tenant;
    let logins = open_logins(tenant);
    link(tenant);
    let (mut owner, _) = ada(tenant, &[]);
    elsewhere.undo();
    let token = text(&logins.tokens["access_token"]);
    assert_refused(tenant, &token, &["/userinfo", "/api/v2/users/google-oauth2|1080"]);
    logins.assert_all_ended(tenant);
    assert!(owner.get(&authorize(&[("prompt", "none")])).answer().contains_key("code"), "the owner stays");
}

/// The logins were ended by the separation, whoever made it, before anybody used them.
fn logins_of_before_a_separation_stay_ended_when_the_accounts_are_linked_again() {
    let elsewhere = Elsewhere::start();
    let tenant = &elsewhere.tenant;
    let mut logins = open_logins(tenant);
    link(tenant);
    let linked = linked_token(tenant);
    let (mut owner, _) = ada(tenant, &[]);
    elsewhere.undo();
    elsewhere.run(&["users", "merge", "auth0|ada", "google-oauth2|1080", "--reason", "she called"]);
    assert_refused(tenant, &linked, &["/userinfo", "/api/v2/users/auth0|ada"]);
    logins.assert_session_ended(tenant);
    assert!(owner.get(&authorize(&[("prompt", "none")])).answer().contains_key("code"), "the owner stays");
    let anew = linked_token(tenant);
    let answer = tenant.send(&Request::get("/api/v2/users/auth0|ada").bearer(&anew));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn a_token_of_an_unlinked_login_stays_revoked_when_the_login_is_added_again() {
    let tenant = tenant(&[]);
    open_logins(&tenant);
    link(&tenant);
    let linked = linked_token(&tenant);
    unlink(&tenant, &tenant.client_token("web"));
    link(&tenant);
    assert_refused(&tenant, &linked, &["/userinfo", "/api/v2/users/auth0|ada"]);
}

/// Returns an access token of Ada, who has logged in by Google and her own factor.
fn linked_token(tenant: &Tenant) -> String {
    let mut browser = tenant.browser();
    let own = [("audience", &*tenant.audience()), ("scope", "openid read:current_user")];
    let asked = by_google(&mut browser, GOOGLE, &own);
    let end = pass(&mut browser, &state_of(&asked), &code_to(tenant, "ada@example.com"));
    let tokens = redeem(tenant, "web", &end.answer()["code"]).json();
    let token = text(&tokens["access_token"]);
    let answer = tenant.send(&Request::get("/api/v2/users/auth0|ada").bearer(&token));
    assert_eq!(answer.status, 200, "it is Ada's: {}", answer.text());
    token
}

fn assert_refused(tenant: &Tenant, token: &str, paths: &[&str]) {
    for path in paths {
        let answer = tenant.send(&Request::get(*path).bearer(token));
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
    }
}

/// A tenant, and other processes at its directory.
struct Elsewhere {
    tenant: Tenant,
    directory: String,
    _folder: tempfile::TempDir,
}

impl Elsewhere {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let directory = format!("sqlite:{}", folder.path().join("users.db").display());
        Self { tenant: tenant(&["--directory", &directory]), directory, _folder: folder }
    }

    fn run(&self, args: &[&str]) -> String {
        let ligature = Command::new(env!("CARGO_BIN_EXE_ligature"))
            .args(args)
            .args(["--directory", &self.directory])
            .output()
            .expect("the program runs");
        assert!(ligature.status.success(), "{}", String::from_utf8_lossy(&ligature.stderr));
        String::from_utf8_lossy(&ligature.stdout).into_owned()
    }

    /// Undoes the newest link.
    fn undo(&self) {
        let listed = self.run(&["journal", "list", "--json"]);
        let id = listed.split_once("\"id\":").expect("an id").1.split('"').nth(1).expect("an id").to_owned();
        self.run(&["undo", &id]);
    }
}
