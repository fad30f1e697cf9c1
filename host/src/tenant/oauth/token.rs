//! The token endpoint.
//!
//! Source: RFC 6749, 4 and 6; Auth0's Authentication API, "Get token".

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::tenant::config::{Client, GRANTS};
use crate::tenant::embedded::legacy;
use crate::tenant::flows::Spent;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::params::Params;
use crate::tenant::linking::request as linking;
use crate::tenant::logins::context::LoginContext;
use crate::tenant::logins::context::Sender;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::oauth::authorization_request::Audience;
use crate::tenant::oauth::client_auth;
use crate::tenant::oauth::issued_tokens::Issued;
use crate::tenant::people::proved::Proved;
use crate::tenant::people::refresh_tokens::{Grant, NotTaken};
use crate::tenant::people::typed::TypedCredentials;
use crate::tenant::server::blocking::{read, run};
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::signing::tokens::{AccessClaims, fits_challenge, seconds};
use crate::tenant::state::{Shared, Tenant};

/// `/oauth/token`.
pub(crate) async fn token(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    params: Params,
) -> Response {
    let by_header = headers.contains_key(AUTHORIZATION);
    let grant = params.owned("grant_type").unwrap_or_default();
    let granted = move |tenant: &Tenant| granted(tenant, &issuer, &from, &headers, &params);
    let answer = match grant.as_str() {
        // Nothing is waited for, but a signature.
        "client_credentials" => granted(&tenant),
        "authorization_code" => read(&tenant, granted).await,
        _ => run(&tenant, granted).await,
    };
    let mut response = answer.map(Json).into_response();
    // Source: RFC 6749, 5.2. To others it would make browsers ask for a password.
    if by_header && response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tenant\""));
    }
    response
}

/// One request.
struct Request<'a> {
    tenant: &'a Tenant,
    issuer: &'a Issuer,
    from: &'a Sender,
    client: &'a Client,
    params: &'a Params,
}

fn granted(
    tenant: &Tenant,
    issuer: &Issuer,
    from: &Sender,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Value, OAuthError> {
    let grant = params.require("grant_type")?;
    let Some(grant) = GRANTS.iter().copied().find(|it| *it == grant && *it != "implicit") else {
        let description = format!("Unsupported grant type: {grant}");
        return Err(OAuthError::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description));
    };
    let client = client_auth::client(tenant, headers, params)?;
    if !client.may(grant) {
        return Err(OAuthError::unauthorized_client(format!(
            "Grant type '{grant}' not allowed for the client."
        )));
    }
    if grant != "client_credentials" {
        let refused = linking::refuse_elsewhere(params.get("scope"));
        refused.map_err(|why| linking::told(&client.client_id, why))?;
    }
    let request = Request { tenant, issuer, from, client, params };
    let answer = match grant {
        "authorization_code" => request.by_code(),
        "refresh_token" => request.by_refresh_token(),
        "client_credentials" => request.by_itself(),
        "http://auth0.com/oauth/grant-type/passwordless/otp" => request.by_one_time_password(),
        _ => request.by_password(),
    }?;
    tenant.metrics.token(grant);
    Ok(answer)
}

impl Request<'_> {
    fn by_itself(&self) -> Result<Value, OAuthError> {
        let Self { tenant, client, .. } = *self;
        let asked = self.params.require("audience")?;
        let (own, lifetime): (&[String], u64) = match Audience::read(tenant, self.issuer, Some(asked))? {
            Audience::Management(_) => (&client.scopes, tenant.config.lifetimes.management_token),
            Audience::Api(id) => {
                let api = tenant.config.apis.iter().find(|api| api.identifier == id);
                (api.map_or(&[], |api| &api.scopes), tenant.config.lifetimes.access_token)
            }
            Audience::Userinfo => {
                return Err(OAuthError::access_denied(format!("Service not found: {asked}")));
            }
        };
        let wanted: Option<Vec<&str>> =
            self.params.get("scope").map(|scope| scope.split_whitespace().collect());
        let is_wanted =
            |scope: &&String| wanted.as_ref().is_none_or(|wanted| wanted.contains(&scope.as_str()));
        let scope = own.iter().filter(is_wanted).map(String::as_str).collect::<Vec<_>>().join(" ");
        let now = seconds(tenant.ambient.now());
        let token = tenant.signing.keys.sign(&AccessClaims {
            iss: self.issuer.as_str(),
            sub: &format!("{}@clients", client.client_id),
            aud: asked.into(),
            iat: now,
            exp: now + lifetime,
            scope: &scope,
            azp: &client.client_id,
            gty: Some("client-credentials"),
            jti: None,
        });
        Ok(json!({ "access_token": token, "expires_in": lifetime, "token_type": "Bearer", "scope": scope }))
    }

    fn by_code(&self) -> Result<Value, OAuthError> {
        let Self { tenant, client, params, .. } = *self;
        let invalid = || OAuthError::invalid_grant("Invalid authorization code");
        let name = params.require("code")?;
        // Read first: a directory that does not answer spends no code.
        let owner = match tenant.flows.codes.get(name) {
            Some(code) => {
                let owner = code.proved.key().map(|key| tenant.directory.owner(key)).transpose();
                owner.map_err(unavailable)?.flatten()
            }
            None => None,
        };
        let Some(code) = tenant.flows.codes.take(name) else {
            // Used before: whoever used it may have stolen it.
            if let Some(spent) = tenant.flows.spent_codes.get(name) {
                tracing::warn!(target: "audit", client = client.client_id, "a code came twice; its tokens are revoked");
                let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
                spent.replayed = true;
                spent.family.iter().for_each(|family| tenant.people.refresh_tokens.revoke(family));
            }
            return Err(invalid());
        };
        let spent = Arc::new(Mutex::new(Spent::default()));
        tenant.flows.spent_codes.put_as(name.to_owned(), spent.clone());
        let authorization = &code.authorization;
        if authorization.client_id != client.client_id || code.issuer != *self.issuer {
            tracing::warn!(target: "audit", client = client.client_id, "a code came from another client, or to another issuer");
            return Err(invalid());
        }
        // Source: RFC 6749, 4.1.3; with PKCE, the verifier binds the code.
        let is_same = match params.get("redirect_uri") {
            Some(uri) => legacy::without_fragment(tenant, uri) == authorization.redirect_uri,
            None => authorization.challenge.is_some() || !authorization.names_redirect_uri,
        };
        if !is_same {
            return Err(OAuthError::invalid_grant(
                "The redirect URI is not the one of the authorization request.",
            ));
        }
        match (&authorization.challenge, params.get("code_verifier")) {
            (None, None) => {}
            (Some(challenge), Some(verifier)) if fits_challenge(verifier, challenge) => {}
            _ => {
                tracing::warn!(target: "audit", client = client.client_id, "a code came without its verifier");
                return Err(OAuthError::invalid_grant("Failed to verify code verifier"));
            }
        }
        // Whoever the identity belongs to by now: it may have been linked.
        let owner = owner.ok_or_else(invalid)?;
        if owner.user.blocked {
            return Err(NotLoggedIn::Blocked.into());
        }
        if tenant.people.revocations.is_revoked(&code.proved.user.user_id, code.proved.began) {
            return Err(NotLoggedIn::Revoked.into());
        }
        let issued = Issued {
            issuer: self.issuer,
            client,
            user: &owner.user,
            proved: &code.proved,
            scope: &authorization.scope,
            audience: &authorization.audience,
            nonce: authorization.nonce.as_deref(),
            session: code.session.as_deref(),
        };
        let (answer, family) = issued.tokens(tenant, None);
        let mut spent = spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.replayed {
            family.iter().for_each(|family| tenant.people.refresh_tokens.revoke(family));
            return Err(invalid());
        }
        spent.family = family;
        Ok(answer)
    }

    fn by_refresh_token(&self) -> Result<Value, OAuthError> {
        let Self { tenant, client, params, .. } = *self;
        let token = params.require("refresh_token")?;
        let not_taken = |why| {
            if why == NotTaken::Reused {
                tracing::warn!(target: "audit", client = client.client_id, "a refresh token came twice; its family is revoked");
            }
            OAuthError::invalid_grant("Unknown or invalid refresh token.")
        };
        let is_for =
            |grant: &Grant| grant.client_id == client.client_id && grant.issuer == self.issuer.as_str();
        let grant = tenant.people.refresh_tokens.look(token, is_for).map_err(not_taken)?;
        let audience = Audience::read(tenant, self.issuer, grant.audience.as_deref())?;
        let scope = match params.get("scope") {
            // Never more than before.
            Some(fewer) => {
                let had = |it: &&str| grant.scope.split(' ').any(|had| had == *it);
                fewer.split_whitespace().filter(had).collect::<Vec<_>>().join(" ")
            }
            None => grant.scope.clone(),
        };
        let user = match self.log_in(&grant.proved, "oauth2-refresh-token", &scope, true) {
            Ok(user) => user,
            // A directory that does not answer says nothing of the user.
            Err(why @ NotLoggedIn::Failed(_)) => return Err(why.into()),
            Err(why) => {
                tenant.people.refresh_tokens.revoke_token(token);
                return Err(match why {
                    NotLoggedIn::Gone | NotLoggedIn::Revoked => not_taken(NotTaken::Unknown),
                    why => why.into(),
                });
            }
        };
        let next = tenant.people.refresh_tokens.rotate(token).map_err(not_taken)?;
        let issued = Issued {
            issuer: self.issuer,
            client,
            user: &user,
            proved: &grant.proved,
            scope: &scope,
            audience: &audience,
            nonce: None,
            session: grant.session.as_deref(),
        };
        Ok(issued.tokens(tenant, Some(next)).0)
    }

    fn by_password(&self) -> Result<Value, OAuthError> {
        let config = &self.tenant.config;
        let connection = match self.params.get("realm") {
            Some(name) => config.connection(name),
            None => config.connection_of("auth0"),
        };
        let connection =
            connection.ok_or_else(|| OAuthError::invalid_request("realm: there is no such connection"))?;
        let typed = self.typed("password")?;
        self.proved(&self.tenant.logins.prove_by_password(connection, typed)?, "oauth2-password")
    }

    fn by_one_time_password(&self) -> Result<Value, OAuthError> {
        let connection = self.tenant.config.connection(self.params.require("realm")?);
        let connection = connection
            .filter(|it| it.is_passwordless())
            .ok_or_else(|| OAuthError::invalid_request("realm: there is no such passwordless connection"))?;
        let typed = self.typed("otp")?;
        self.proved(&self.tenant.logins.prove_by_code(connection, typed)?, "oauth2-resource-owner")
    }

    /// The username, and the secret of this parameter.
    fn typed(&self, secret: &str) -> Result<TypedCredentials<'_>, OAuthError> {
        let (login, secret) = (self.params.require("username")?, self.params.require(secret)?);
        Ok(TypedCredentials { login, secret, sender: &self.from.ip })
    }

    fn proved(&self, proved: &Proved, protocol: &'static str) -> Result<Value, OAuthError> {
        let audience = Audience::read(self.tenant, self.issuer, self.params.get("audience"))?;
        let scope = self.params.get("scope").unwrap_or("openid profile email");
        let scope = audience.grant(self.tenant, self.client, scope);
        let user = self.log_in(proved, protocol, &scope, false)?;
        let issued = Issued {
            issuer: self.issuer,
            client: self.client,
            user: &user,
            proved,
            scope: &scope,
            audience: &audience,
            nonce: None,
            session: None,
        };
        Ok(issued.tokens(self.tenant, None).0)
    }

    fn log_in(
        &self,
        proved: &Proved,
        protocol: &'static str,
        scope: &str,
        again: bool,
    ) -> Result<Arc<crate::model::User>, NotLoggedIn> {
        let around = LoginContext {
            client: self.client,
            protocol,
            scope,
            sender: self.from,
            interactive: false,
            answer: None,
        };
        let logged_in = if again {
            self.tenant.logins.log_in_again(proved, &around)
        } else {
            self.tenant.logins.log_in(proved, &around)
        };
        Ok(logged_in?.user())
    }
}

/// `/oauth/revoke`.
///
/// Source: RFC 7009: it is no error that there is no such token.
pub(crate) async fn revoke(
    State(tenant): State<Shared>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, OAuthError> {
    run(&tenant, move |tenant| {
        let client = client_auth::client(tenant, &headers, &params)?;
        let token = params.require("token")?;
        if tenant.people.refresh_tokens.look(token, |grant| grant.client_id == client.client_id).is_ok() {
            tenant.people.refresh_tokens.revoke_token(token);
        }
        Ok(StatusCode::OK.into_response())
    })
    .await
}
