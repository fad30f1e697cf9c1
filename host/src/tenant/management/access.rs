//! The caller of the Management API, and the scopes of the caller's token.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, request};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::directory::{Actor, Administration, Provenance};
use crate::model::{ApiError, User};
use crate::tenant::admission::Full;
use crate::tenant::config::Config;
use crate::tenant::http::blocking::TOKEN_CHECK;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::token_check::is_token_revoked;
use crate::tenant::management::problem::Problem;
use crate::tenant::metrics::Metrics;
use crate::tenant::people::People;
use crate::tenant::signing::Signing;
use crate::tenant::signing::issuer::{Hosts, Issuer};
use crate::tenant::signing::tokens::CURRENT_USER_SCOPES;
use crate::tenant::signing::verification::{Claims, TokenError};
use crate::tenant::state::Shared;

/// The holder of a token for the Management API.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The token's `iss`.
    pub(super) issuer: String,
    /// The client that got the token.
    pub(super) client_id: String,
    /// The user that the token was issued for; `None` if a client got the token for itself.
    pub(super) user_id: Option<String>,
    scopes: Vec<String>,
    /// The claims of the token.
    claims: Arc<Claims>,
}

/// The scopes of an ID token that is accepted as an access token. An ID token names no scopes
/// itself.
const LEGACY_SCOPES: [&str; 3] =
    ["read:current_user", "update:current_user_identities", "update:current_user_metadata"];

impl Caller {
    /// Verifies a token and returns its caller.
    fn authenticate(
        signing: &Signing,
        config: &Config,
        metrics: &Metrics,
        token: &str,
    ) -> Result<Self, Problem> {
        let claims = signing.verify(token).map_err(|error| refuse_token(metrics, error))?;
        if is_for_management(&signing.hosts, &claims) {
            return Self::authenticate_by_access_token(&claims);
        }
        if config.legacy_id_tokens
            && let Some(caller) = Self::authenticate_by_id_token(config, &claims)
        {
            return Ok(caller);
        }
        tracing::warn!(target: "audit", "a token for another audience was refused");
        metrics.count_refused_token("audience");
        let expected = format!("{}api/v2/", claims.iss);
        Err(Problem::token(&format!("Bad audience: {}, expected: {expected}", format_audience(&claims.aud))))
    }

    fn authenticate_by_access_token(claims: &Arc<Claims>) -> Result<Self, Problem> {
        let (Some(Value::String(subject)), Some(client_id)) = (&claims.sub, &claims.azp) else {
            return Err(Problem::token("Invalid token"));
        };
        let is_client = claims.gty.as_deref() == Some("client-credentials");
        Ok(Self {
            issuer: claims.iss.clone(),
            client_id: client_id.clone(),
            user_id: (!is_client).then(|| subject.clone()),
            // A user's token is never issued with other scopes. This filter is a second safeguard, in case
            // one was.
            scopes: (claims.scope.split(' '))
                .filter(|scope| is_client || CURRENT_USER_SCOPES.contains(scope))
                .map(str::to_owned)
                .collect(),
            claims: claims.clone(),
        })
    }

    /// Returns the caller of an ID token. Applications from before 2018 use one as an access token,
    /// where the tenant allows it (`legacy_id_tokens`).
    fn authenticate_by_id_token(config: &Config, claims: &Arc<Claims>) -> Option<Self> {
        let client_id = claims.aud.as_str().filter(|client| config.client(client).is_some())?;
        Some(Self {
            issuer: claims.iss.clone(),
            client_id: client_id.to_owned(),
            user_id: Some(claims.sub.as_ref()?.as_str()?.to_owned()),
            scopes: LEGACY_SCOPES.map(str::to_owned).into(),
            claims: claims.clone(),
        })
    }

    /// Returns the caller of a request, or `None` if the token is missing or invalid. The endpoint
    /// itself refuses an invalid token and logs the refusal.
    pub(super) fn identify(signing: &Signing, config: &Config, headers: &HeaderMap) -> Option<Self> {
        let (_, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let claims = signing.verify(token.trim()).ok()?;
        if is_for_management(&signing.hosts, &claims) {
            return Self::authenticate_by_access_token(&claims).ok();
        }
        config.legacy_id_tokens.then(|| Self::authenticate_by_id_token(config, &claims))?
    }

    /// Returns whether the caller's token has the scope.
    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|it| it == scope)
    }

    /// Refuses a caller that has none of these scopes.
    pub(super) fn require(&self, scopes: &[&str]) -> Result<(), Problem> {
        if scopes.iter().any(|scope| self.has(scope)) { Ok(()) } else { Err(self.lacks(scopes)) }
    }

    /// Refuses a user's token if the user is blocked, if the token is older than the last change of
    /// the user's password or address, or if it was issued for an identity that the user no longer
    /// has. A token of a deleted user passes: the endpoint finds that the user is missing.
    fn require_active(
        &self,
        directory: &dyn Administration,
        people: &People,
        metrics: &Metrics,
    ) -> Result<(), Problem> {
        let Some(user_id) = &self.user_id else { return Ok(()) };
        let is_revoked = match directory.get(user_id) {
            Ok(own) => {
                self.require_unblocked(&own.user)?;
                is_token_revoked(directory, people, &own.user, &self.claims)?
            }
            Err(ApiError::NotFound(_)) => people.is_token_revoked(user_id, &self.claims),
            Err(error) => return Err(error.into()),
        };
        if is_revoked {
            tracing::warn!(target: "audit", client = self.client_id, "a revoked token was refused");
            metrics.count_refused_token("revoked");
            let words = "The token was revoked: the password or the account was changed since, or its code was used twice.";
            return Err(Problem::token(words));
        }
        Ok(())
    }

    /// Refuses a request of a blocked user.
    pub(super) fn require_unblocked(&self, user: &User) -> Result<(), Problem> {
        if user.blocked {
            tracing::warn!(target: "audit", client = self.client_id, "a blocked user's token was refused");
            return Err(Problem::blocked());
        }
        Ok(())
    }

    /// Requires one of the scopes `all`, which allow the request for every user, or the scope `own`
    /// if the caller acts on the caller's own account. Refuses any other caller.
    pub(super) fn require_for(&self, user_id: &str, all: &[&str], own: &str) -> Result<(), Problem> {
        if all.iter().any(|scope| self.has(scope)) {
            return Ok(());
        }
        if !self.has(own) {
            return Err(self.lacks(&[all, &[own]].concat()));
        }
        if self.user_id.as_deref() == Some(user_id) {
            return Ok(());
        }
        tracing::warn!(target: "audit", client = self.client_id, "a user's token was refused for another user");
        Err(Problem::not_own())
    }

    /// The error 403 `insufficient_scope` for these expected scopes.
    pub(super) fn lacks(&self, scopes: &[&str]) -> Problem {
        tracing::warn!(target: "audit", client = self.client_id, scopes = scopes.join(" "),
            "a scope is missing: a client has those of its `scopes` in tenant.toml, from the next start on");
        Problem::scope(scopes)
    }

    /// Returns the actor of a change, for the journal.
    pub(super) fn provenance(&self) -> Provenance {
        let actor = match &self.user_id {
            Some(user_id) => Actor::User { user_id: user_id.clone() },
            None => Actor::Client { client_id: self.client_id.clone() },
        };
        Provenance { actor, evidence: None, policy_sha256: None, plugin: None }
    }
}

/// Returns whether a token's audience is this API, at any of the tenant's own host names but a
/// custom domain. The only other audience that the token may have is `/userinfo`.
fn is_for_management(hosts: &Hosts, claims: &Claims) -> bool {
    let is_userinfo = |it: &str| it.strip_suffix("userinfo").is_some_and(|issuer| hosts.is_own(issuer));
    match &claims.aud {
        Value::String(one) => hosts.is_management_audience(one),
        Value::Array(all) => {
            let all: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
            all.is_some_and(|all| {
                all.iter().any(|it| hosts.is_management_audience(it))
                    && all.iter().all(|it| hosts.is_management_audience(it) || is_userinfo(it))
            })
        }
        _ => false,
    }
}

fn format_audience(audience: &Value) -> String {
    match audience {
        Value::String(one) => one.clone(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        _ => "none".to_owned(),
    }
}

/// Returns the refusal for an invalid token, logs it and counts it.
///
/// Source: Auth0 community excerpts of real answers.
fn refuse_token(metrics: &Metrics, error: TokenError) -> Problem {
    tracing::warn!(target: "audit", %error, "a bearer token was refused");
    let (kind, message) = match error {
        TokenError::Malformed => ("malformed", "Invalid token"),
        TokenError::Algorithm => ("algorithm", "Invalid token"),
        TokenError::Future => ("future", "Invalid token"),
        TokenError::Issuer => ("issuer", "Invalid token"),
        TokenError::Expired => ("expired", "Expired token received for JSON Web Token validation"),
        TokenError::Signature => ("signature", "Invalid signature received for JSON Web Token validation."),
    };
    metrics.count_refused_token(kind);
    Problem::token(message)
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, tenant: &Shared) -> Result<Self, Problem> {
        debug_assert!(parts.extensions.get::<Issuer>().is_some());
        let Some(header) = parts.headers.get(AUTHORIZATION) else { return Err(Problem::missing()) };
        let token = header.to_str().ok().and_then(|header| {
            let (scheme, token) = header.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        match token {
            Some(token) if !token.is_empty() => {
                let caller = Self::authenticate(&tenant.signing, &tenant.config, &tenant.metrics, token)?;
                if caller.user_id.is_none() {
                    return Ok(caller);
                }
                // Given back before the body arrives, so that a slow sender holds none.
                let place = tenant.admission.enter()?;
                let (is_remote, tenant) = (tenant.is_remote, tenant.clone());
                TOKEN_CHECK
                    .run(is_remote, move || {
                        let _place = place;
                        caller.require_active(&*tenant.directory, &tenant.people, &tenant.metrics)?;
                        Ok(caller)
                    })
                    .await
            }
            _ => {
                let message = "Bad HTTP authentication header format";
                Err(Problem { code: Some("Bearer"), ..Problem::bad(message, "Bearer") })
            }
        }
    }
}

/// A request to the Management API: the caller, and the visit. [`Visit::run`] decides on which
/// thread its work runs.
pub(super) struct ManagementCall {
    pub(super) caller: Caller,
    pub(super) visit: Visit<()>,
}

impl FromRequestParts<Shared> for ManagementCall {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, tenant: &Shared) -> Result<Self, Response> {
        if !tenant.admission.has_place() {
            return Err(Problem::from(Full).into_response());
        }
        let visit = Visit::from_request_parts(parts, tenant).await?;
        let caller = Caller::from_request_parts(parts, tenant).await.map_err(IntoResponse::into_response)?;
        Ok(Self { caller, visit })
    }
}
