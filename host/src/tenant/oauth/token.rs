//! The token endpoint.
//!
//! Source: RFC 6749, 4 and 6; Auth0's Authentication API, "Get token".

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::model::ApiError;
use crate::tenant::config::{Client, GRANTS};
use crate::tenant::flows::authorization::Audience;
use crate::tenant::flows::stores::UsedCode;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::visit::Visit;
use crate::tenant::linking::request as linking;
use crate::tenant::logins::context::LoginRequest;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::logins::separation::has_left_since;
use crate::tenant::oauth::authorization_request::without_fragment;
use crate::tenant::oauth::client_auth;
use crate::tenant::oauth::issued_tokens::Issuance;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::refresh_tokens::{Grant, RefreshError};
use crate::tenant::people::typed_credentials::TypedCredentials;
use crate::tenant::signing::tokens::{AccessClaims, fits_challenge, to_seconds};

/// `POST /oauth/token`.
pub(crate) async fn issue_tokens(visit: Visit) -> Response {
    let by_header = visit.headers.contains_key(AUTHORIZATION);
    let mut response = visit.run(|visit| grant(visit).map(Json).into_response()).await;
    // Source: RFC 6749, 5.2. Without a header, browsers would ask for a password.
    if by_header && response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tenant\""));
    }
    response
}

/// A token request of a client that has authenticated itself.
struct TokenRequest<'a> {
    visit: &'a Visit,
    client: &'a Client,
}

fn grant(visit: &Visit) -> Result<Value, OAuthError> {
    let grant = visit.params.require("grant_type")?;
    let Some(grant) = GRANTS.iter().copied().find(|it| *it == grant && *it != "implicit") else {
        let description = format!("Unsupported grant type: {grant}");
        return Err(OAuthError::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description));
    };
    let client = client_auth::authenticate(visit)?;
    if !client.allows_grant(grant) {
        return Err(OAuthError::unauthorized_client(format!(
            "Grant type '{grant}' not allowed for the client."
        )));
    }
    if grant != "client_credentials" {
        let refused = linking::refuse_scope(visit.params.get("scope"));
        refused.map_err(|error| linking::report_refusal(&client.client_id, error))?;
    }
    let request = TokenRequest { visit, client };
    let response = match grant {
        "authorization_code" => request.grant_by_code(),
        "refresh_token" => request.grant_by_refresh_token(),
        "client_credentials" => request.grant_to_client(),
        "http://auth0.com/oauth/grant-type/passwordless/otp" => request.grant_by_one_time_password(),
        _ => request.grant_by_password(),
    }?;
    visit.tenant.metrics.count_token(grant);
    Ok(response)
}

impl TokenRequest<'_> {
    fn grant_to_client(&self) -> Result<Value, OAuthError> {
        let Self { visit, client } = *self;
        let tenant = &visit.tenant;
        let audience = self.visit.params.require("audience")?;
        let (own, lifetime): (&[String], u64) = match Audience::parse(visit, Some(audience))? {
            Audience::Management(_) => (&client.scopes, tenant.config.lifetimes.management_token),
            Audience::Api(id) => {
                let api = tenant.config.apis.iter().find(|api| api.identifier == id);
                (api.map_or(&[], |api| &api.scopes), tenant.config.lifetimes.access_token)
            }
            Audience::Userinfo => {
                return Err(OAuthError::access_denied(format!("Service not found: {audience}")));
            }
        };
        let wanted: Option<Vec<&str>> =
            self.visit.params.get("scope").map(|scope| scope.split_whitespace().collect());
        let is_wanted =
            |scope: &&String| wanted.as_ref().is_none_or(|wanted| wanted.contains(&scope.as_str()));
        let scope = own.iter().filter(is_wanted).map(String::as_str).collect::<Vec<_>>().join(" ");
        let now = to_seconds(tenant.ambient.now());
        let token = tenant.signing.keys.sign(&AccessClaims {
            iss: self.visit.issuer.name(),
            sub: &format!("{}@clients", client.client_id),
            aud: audience.into(),
            iat: now,
            exp: now + lifetime,
            scope: &scope,
            azp: &client.client_id,
            gty: Some("client-credentials"),
            jti: None,
        });
        Ok(json!({ "access_token": token, "expires_in": lifetime, "token_type": "Bearer", "scope": scope }))
    }

    fn grant_by_code(&self) -> Result<Value, OAuthError> {
        let Self { visit, client } = *self;
        let Visit { tenant, params, .. } = visit;
        let invalid = || OAuthError::invalid_grant("Invalid authorization code");
        let name = params.require("code")?;
        // The owner is read first, so that a directory that does not respond spends no code.
        let owner = match tenant.flows.codes.get(name) {
            Some(code) => {
                let owner = code.proved.key().map(|key| tenant.directory.owner(key)).transpose();
                owner.map_err(unavailable)?.flatten()
            }
            None => None,
        };
        let Some(code) = tenant.flows.codes.take(name) else {
            // The code was used before, maybe by a thief.
            if let Some(spent) = tenant.flows.used_codes.get(name) {
                tracing::warn!(target: "audit", client = client.client_id, "a code was used twice; its tokens are revoked");
                let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
                spent.replayed = true;
                spent.family.iter().for_each(|family| tenant.people.refresh_tokens.revoke(family));
                tenant.people.revoke_code(&spent.grant, &tenant.config.lifetimes);
            }
            return Err(invalid());
        };
        let grant = tenant.ambient.random().object_id();
        let used = UsedCode { grant: grant.clone(), family: None, replayed: false };
        let spent = Arc::new(Mutex::new(used));
        tenant.flows.used_codes.put_as(name.to_owned(), spent.clone());
        let authorization = &code.authorization;
        if authorization.client_id != client.client_id || code.issuer != self.visit.issuer {
            tracing::warn!(target: "audit", client = client.client_id, "a code came from another client, or to another issuer");
            return Err(invalid());
        }
        // Source: RFC 6749, 4.1.3; with PKCE, the verifier binds the code.
        let is_same = match params.get("redirect_uri") {
            Some(uri) => without_fragment(&tenant.config, uri) == authorization.redirect_uri,
            None => authorization.code_challenge.is_some() || !authorization.names_redirect_uri,
        };
        if !is_same {
            return Err(OAuthError::invalid_grant(
                "The redirect URI is not the one of the authorization request.",
            ));
        }
        match (&authorization.code_challenge, params.get("code_verifier")) {
            (None, None) => {}
            (Some(challenge), Some(verifier)) if fits_challenge(verifier, challenge) => {}
            _ => {
                tracing::warn!(target: "audit", client = client.client_id, "a code was sent without its verifier");
                return Err(OAuthError::invalid_grant("Failed to verify code verifier"));
            }
        }
        let owner = owner.ok_or_else(invalid)?;
        // As with refresh tokens: the identity was linked or unlinked since, and a stolen code must not
        // open a larger account.
        if owner.user.user_id != code.user_id {
            tracing::warn!(
                target: "audit", client = client.client_id,
                "a code was refused: its identity belongs to another user since"
            );
            return Err(invalid());
        }
        if owner.user.blocked {
            return Err(NotLoggedIn::Blocked.into());
        }
        let (identity, began) = (&code.proved.user.user_id, code.proved.began);
        if tenant.people.revocations.is_revoked(identity, began)
            || has_left_since(&*tenant.directory, &owner.user, identity, began).map_err(unavailable)?
        {
            return Err(NotLoggedIn::Revoked.into());
        }
        let issuance = Issuance {
            issuer: &self.visit.issuer,
            client,
            user: &owner.user,
            proved: &code.proved,
            scope: &authorization.scope,
            audience: &authorization.audience,
            nonce: authorization.nonce.as_deref(),
            session: code.session.as_deref(),
            grant: Some(&grant),
        };
        let (answer, family) = issuance.issue_token_response(tenant, None);
        let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.replayed {
            family.iter().for_each(|family| tenant.people.refresh_tokens.revoke(family));
            return Err(invalid());
        }
        spent.family = family;
        Ok(answer)
    }

    fn grant_by_refresh_token(&self) -> Result<Value, OAuthError> {
        let Self { visit, client } = *self;
        let Visit { tenant, params, .. } = visit;
        let token = params.require("refresh_token")?;
        let not_taken = |why| {
            if why == RefreshError::Reused {
                tracing::warn!(target: "audit", client = client.client_id, "a refresh token was used twice; its family is revoked");
            }
            OAuthError::invalid_grant("Unknown or invalid refresh token.")
        };
        let is_for =
            |grant: &Grant| grant.client_id == client.client_id && grant.issuer == self.visit.issuer.as_str();
        let grant = tenant.people.refresh_tokens.find_grant(token, is_for).map_err(not_taken)?;
        let audience = Audience::parse(visit, grant.audience.as_deref())?;
        let scope = match params.get("scope") {
            // Never more scopes than before.
            Some(fewer) => {
                let had = |it: &&str| grant.scope.split(' ').any(|had| had == *it);
                fewer.split_whitespace().filter(had).collect::<Vec<_>>().join(" ")
            }
            None => grant.scope.clone(),
        };
        if !self.has_same_owner(&grant)? {
            tracing::warn!(
                target: "audit", client = client.client_id,
                "a refresh token was refused: its identity belongs to another user since"
            );
            tenant.people.refresh_tokens.revoke_token(token);
            return Err(not_taken(RefreshError::Unknown));
        }
        let context = self.login_context("oauth2-refresh-token", &scope);
        let user = match tenant.logins.log_in_again(&grant.proved, &context) {
            Ok(logged_in) => logged_in.user(),
            // The token stays valid: the directory did not respond.
            Err(why @ NotLoggedIn::Failed(_)) => return Err(why.into()),
            Err(why) => {
                tenant.people.refresh_tokens.revoke_token(token);
                return Err(match why {
                    NotLoggedIn::Gone | NotLoggedIn::Revoked => not_taken(RefreshError::Unknown),
                    why => why.into(),
                });
            }
        };
        let next = tenant.people.refresh_tokens.rotate(token).map_err(not_taken)?;
        let issuance = Issuance {
            issuer: &self.visit.issuer,
            client,
            user: &user,
            proved: &grant.proved,
            scope: &scope,
            audience: &audience,
            nonce: None,
            session: grant.session.as_deref(),
            grant: grant.code_grant.as_deref(),
        };
        Ok(issuance.issue_token_response(tenant, Some(next)).0)
    }

    /// Returns whether the identity of a grant still belongs to the user to whom the grant was issued.
    /// Another process may have linked or unlinked it, and did not end the tokens of this one: a stolen
    /// token must not open a larger account.
    fn has_same_owner(&self, grant: &Grant) -> Result<bool, OAuthError> {
        let Some(key) = grant.proved.key() else { return Ok(true) };
        match self.visit.tenant.directory.owner(key) {
            Ok(owner) => Ok(owner.is_none_or(|stored| stored.user.user_id == grant.user_id)),
            // The login says that it is gone.
            Err(ApiError::Invalid(_)) => Ok(true),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn grant_by_password(&self) -> Result<Value, OAuthError> {
        let config = &self.visit.tenant.config;
        let connection = match self.visit.params.get("realm") {
            Some(name) => config.connection(name),
            None => config.connection_of("auth0"),
        };
        let connection =
            connection.ok_or_else(|| OAuthError::invalid_request("realm: there is no such connection"))?;
        let typed = self.credentials("password")?;
        self.grant_to_user(&self.visit.tenant.logins.prove_by_password(connection, typed)?, "oauth2-password")
    }

    fn grant_by_one_time_password(&self) -> Result<Value, OAuthError> {
        let connection = self.visit.tenant.config.connection(self.visit.params.require("realm")?);
        let connection = connection
            .filter(|it| it.is_passwordless())
            .ok_or_else(|| OAuthError::invalid_request("realm: there is no such passwordless connection"))?;
        let typed = self.credentials("otp")?;
        self.grant_to_user(
            &self.visit.tenant.logins.prove_by_code(connection, &self.client.client_id, typed)?,
            "oauth2-resource-owner",
        )
    }

    /// Reads the username, and the secret in the parameter of this name.
    fn credentials(&self, secret: &str) -> Result<TypedCredentials<'_>, OAuthError> {
        let (login, secret) = (self.visit.params.require("username")?, self.visit.params.require(secret)?);
        Ok(TypedCredentials { identifier: login, secret, sender: &self.visit.sender.ip })
    }

    fn grant_to_user(&self, proved: &ProvedIdentity, protocol: &'static str) -> Result<Value, OAuthError> {
        let audience = Audience::parse(self.visit, self.visit.params.get("audience"))?;
        let scope = self.visit.params.get("scope").unwrap_or("openid profile email");
        let scope = audience.grant(&self.visit.tenant.config, self.client, scope);
        let user = self.visit.tenant.logins.log_in(proved, &self.login_context(protocol, &scope))?.user();
        let issuance = Issuance {
            issuer: &self.visit.issuer,
            client: self.client,
            user: &user,
            proved,
            scope: &scope,
            audience: &audience,
            nonce: None,
            session: None,
            grant: None,
        };
        Ok(issuance.issue_token_response(&self.visit.tenant, None).0)
    }

    /// The context of the login that the request decides.
    fn login_context<'s>(&'s self, protocol: &'static str, scope: &'s str) -> LoginRequest<'s> {
        let Self { visit, client } = *self;
        LoginRequest { client, protocol, scope, sender: &visit.sender, interactive: false, answer: None }
    }
}

/// `POST /oauth/revoke`.
///
/// Source: RFC 7009: a token that does not exist is not an error.
pub(crate) async fn revoke(visit: Visit) -> Result<Response, OAuthError> {
    visit
        .run(|visit| {
            let client = client_auth::authenticate(visit)?;
            let token = visit.params.require("token")?;
            let refresh_tokens = &visit.tenant.people.refresh_tokens;
            if refresh_tokens.find_grant(token, |grant| grant.client_id == client.client_id).is_ok() {
                refresh_tokens.revoke_token(token);
            }
            Ok(StatusCode::OK.into_response())
        })
        .await
}
