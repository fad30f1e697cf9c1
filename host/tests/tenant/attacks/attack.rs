//! One attack: a token, shown wherever tokens are taken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::http::Request;
use crate::tenants::{Tenant, database_user, shared, text, user};
use crate::tokens::{Forger, access_claims, id_claims, with};

pub(super) const ADA: &str = "/api/v2/users/auth0%7Cada";

fn tenant() -> Arc<Tenant> {
    shared("attacks", || {
        let ada = database_user("ada", "ada@example.com");
        Tenant::with(&(ada + &user("google-oauth2|of-ada", "ada@example.com", "google-oauth2")))
    })
}

/// A tenant, what it would say itself in either kind of token, and its key.
pub(super) struct Attack {
    pub(super) tenant: Arc<Tenant>,
    pub(super) forger: Forger,
    pub(super) access: Value,
    pub(super) id: Value,
    /// The lock that runs attacks one at a time, so that each line of the log belongs to this
    /// attack.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Attack {
    pub(super) fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let tenant = tenant();
        let (access, id) = (access_claims(&tenant), id_claims(&tenant, "google-oauth2|of-ada"));
        Self { forger: Forger::of(&tenant), tenant, access, id, _alone: alone }
    }

    /// Makes a token of either kind, and checks that both are refused.
    pub(super) fn refused(&self, name: &str, make: impl Fn(&Value) -> String) {
        self.bearer_refused(name, &make(&self.access));
        self.proof_refused(name, &make(&self.id));
    }

    /// Changes one claim in a token of either kind, and checks that both are refused.
    pub(super) fn claim_refused(&self, claim: &str, value: &Value) {
        self.refused(&format!("{claim}: {value}"), |claims| {
            self.forger.sign(&with(claims.clone(), claim, value.clone()))
        });
    }

    pub(super) fn bearer_refused(&self, name: &str, token: &str) {
        for target in [ADA, "/userinfo"] {
            let before = self.tenant.running.log().len();
            let response = self.tenant.send(&Request::get(target).bearer(token));
            assert_eq!(response.status, 401, "{name}, as bearer at {target}: {}", response.text());
            let why = self.told_since(before);
            assert!(
                why == ["a bearer token was refused"] || why == ["a token for another audience was refused"],
                "{name}, as bearer at {target}: the log says {why:?}"
            );
        }
        self.is_kept_quiet(name, token);
    }

    pub(super) fn proof_refused(&self, name: &str, token: &str) {
        let link = Request::post(format!("{ADA}/identities")).json(&json!({ "link_with": token }));
        let link = link.bearer(&self.tenant.client_token("web"));
        let before = self.tenant.running.log().len();
        let response = self.tenant.send(&link);
        assert_eq!(response.status, 400, "{name}, as link_with: {}", response.text());
        assert_eq!(response.json()["errorCode"], "invalid_link_with", "{name}");
        let why = self.told_since(before);
        // The fault of a token that is not the tenant's own comes first.
        assert_eq!(
            why.last().map(String::as_str),
            Some("a link_with token was refused"),
            "{name}, as link_with: {why:?}"
        );
        self.is_kept_quiet(name, token);
    }

    /// Returns the messages of the audit log behind this many bytes of the log.
    fn told_since(&self, length: usize) -> Vec<String> {
        let log = self.tenant.running.log();
        let lines = log[length..].lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(|line| line["target"] == "audit").map(|line| text(&line["message"])).collect()
    }

    /// The log does not hold what could be used.
    fn is_kept_quiet(&self, name: &str, token: &str) {
        let secret = token.rsplit('.').next().unwrap_or_default();
        assert!(
            secret.len() < 20 || !self.tenant.running.log().contains(secret),
            "{name}: a token in the log"
        );
    }
}
