//! Linking by proof: an ID token of the second account.

use serde_json::Value;

use super::access::Caller;
use super::problem::Problem;
use crate::tenant::Tenant;
use crate::tenant::verification::TokenError;

/// The user that an ID token proves, if the token is one that the caller's
/// application got from the tenant that the caller's own token is of.
///
/// Source of the messages: Auth0's OpenAPI document, `post_identities`, 400.
/// Their order, and that an expired one is called invalid, are not documented.
pub(super) fn proved_user(tenant: &Tenant, caller: &Caller, token: &str) -> Result<String, Problem> {
    proved(tenant, caller, token).map_err(|message| {
        tracing::warn!(target: "audit", client = caller.client_id, why = message, "a link_with token was refused");
        tenant.metrics.refused_token("link_with");
        Problem::bad(message, "invalid_link_with")
    })
}

fn proved(tenant: &Tenant, caller: &Caller, token: &str) -> Result<String, &'static str> {
    let verified = tenant.verify(token);
    let verified = verified
        .inspect_err(|error| tracing::warn!(target: "audit", %error, "a link_with token is not ours"));
    let claims = verified.map_err(|error| match error {
        TokenError::Algorithm => "JWT (link_with) must have an alg of RS256.",
        TokenError::Issuer => "JWT (link_with) must have the same issuer as the calling user.",
        _ => "Invalid token (link_with).",
    })?;
    if claims.iss != caller.issuer {
        return Err("JWT (link_with) must have the same issuer as the calling user.");
    }
    // A token for several audiences may have been shown to any of them.
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
        Some(Value::String(sub)) if is_user_id(sub) => Ok(sub.clone()),
        Some(_) => Err("JWT (link_with) contains an invalid sub claim."),
    }
}

fn is_user_id(text: &str) -> bool {
    text.split_once('|').is_some_and(|(provider, id)| !provider.is_empty() && !id.is_empty())
}
