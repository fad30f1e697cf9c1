//! Linking with a proof of the second account: its ID token (`link_with`).

use std::sync::Arc;

use serde_json::Value;

use crate::directory::Administration;
use crate::model::{ApiError, Moment};
use crate::tenant::logins::separation::find_entries_since;
use crate::tenant::management::access::Caller;
use crate::tenant::management::problem::Problem;
use crate::tenant::metrics::Metrics;
use crate::tenant::signing::Signing;
use crate::tenant::signing::verification::{Claims, TokenError};
use crate::tenant::state::Tenant;

/// Returns the id of the user that an ID token proves, and marks the token as spent. The token
/// must have the same issuer as the caller's own token, and must be issued to the caller's
/// application.
///
/// Source of the messages: Auth0's OpenAPI document, `post_identities`, 400.
/// Auth0 does not document the order of the checks, nor that the refusal of an expired token
/// calls the token invalid.
pub(super) fn verify_second_token(tenant: &Tenant, caller: &Caller, token: &str) -> Result<String, Problem> {
    let (user_id, claims) = read_proof(&tenant.signing, caller, token)
        .map_err(|message| refuse_proof(&tenant.metrics, caller, message, message))?;
    match tenant.directory.get(&user_id) {
        Ok(second) => {
            caller.require_unblocked(&second.user)?;
            if !claims.has_identity_of(&second.user) {
                return Err(refuse_proof(
                    &tenant.metrics,
                    caller,
                    INVALID,
                    "its identity was unlinked since",
                ));
            }
            // Whoever shares a linked login with somebody must not take over their account by it.
            if !claims.is_of_main_identity_of(&second.user) {
                return Err(refuse_proof(&tenant.metrics, caller, LINKED, LINKED));
            }
            if !second.user.mfa_factors().is_empty() && !claims.has_second_factor() {
                let why = "its login did not pass the account's second factor";
                return Err(refuse_proof(&tenant.metrics, caller, INVALID, why));
            }
        }
        // The link itself reports a missing account.
        Err(ApiError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    if tenant.people.is_token_revoked(&user_id, &claims) {
        return Err(refuse_proof(
            &tenant.metrics,
            caller,
            INVALID,
            "its password or account was changed since, or its code was used twice",
        ));
    }
    // An unlink after the token's login overrides the token: it must not link the accounts again.
    if is_parted_since(&*tenant.directory, &user_id, claims.began())? {
        return Err(refuse_proof(&tenant.metrics, caller, INVALID, "its account was unlinked since"));
    }
    if !tenant.management_data.spent_proofs.spend(token) {
        return Err(refuse_proof(&tenant.metrics, caller, INVALID, "it was used for a link before"));
    }
    Ok(user_id)
}

const INVALID: &str = "Invalid token (link_with).";
const LINKED: &str = "JWT (link_with) must be of a login by the main identity of its user.";

fn refuse_proof(metrics: &Metrics, caller: &Caller, message: &str, why: &str) -> Problem {
    tracing::warn!(target: "audit", client = caller.client_id, why, "a link_with token was refused");
    metrics.count_refused_token("link_with");
    Problem::bad(message, "invalid_link_with")
}

/// Returns whether the account was unlinked from another, or one of its links was undone, after
/// the moment `began`.
fn is_parted_since(directory: &dyn Administration, user_id: &str, began: Moment) -> Result<bool, Problem> {
    const NEWEST: usize = 1_000;
    // Where entries since the login are beyond the search, the separation may be among them.
    let found = find_entries_since(directory, user_id, began, NEWEST)?;
    Ok(found.is_none_or(|entries| entries.iter().any(|entry| entry.kind.separates_accounts())))
}

/// Verifies an ID token. Returns its user and its claims, or the message of the refusal.
fn read_proof(
    signing: &Signing,
    caller: &Caller,
    token: &str,
) -> Result<(String, Arc<Claims>), &'static str> {
    let verified = signing.verify(token);
    let verified = verified.inspect_err(
        |error| tracing::warn!(target: "audit", %error, "a link_with token was not issued by this tenant"),
    );
    let claims = verified.map_err(|error| match error {
        TokenError::Algorithm => "JWT (link_with) must have an alg of RS256.",
        TokenError::Issuer => "JWT (link_with) must have the same issuer as the calling user.",
        _ => INVALID,
    })?;
    if claims.iss != caller.issuer {
        return Err("JWT (link_with) must have the same issuer as the calling user.");
    }
    // A token for several audiences is refused: any of them may have received it.
    let audience = match &claims.aud {
        Value::String(one) => one,
        Value::Array(all) => match all.as_slice() {
            [Value::String(one)] => one,
            _ => return Err("JWT (link_with) contains an invalid aud claim."),
        },
        _ => return Err("JWT (link_with) contains an invalid aud claim."),
    };
    if *audience != caller.client_id {
        return Err("JWT (link_with) must have an aud claim that matches that of the calling token's azp.");
    }
    match &claims.sub {
        None => Err("JWT (link_with) must contains sub claim."),
        Some(Value::String(sub)) if is_user_id(sub) => Ok((sub.clone(), claims.clone())),
        Some(_) => Err("JWT (link_with) contains an invalid sub claim."),
    }
}

fn is_user_id(text: &str) -> bool {
    text.split_once('|').is_some_and(|(provider, id)| !provider.is_empty() && !id.is_empty())
}
