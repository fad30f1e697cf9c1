//! The tokens and the authorization codes that an application gets for a login.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::ambient::Ambient;
use crate::model::User;
use crate::tenant::config::{Client, Lifetimes};
use crate::tenant::flows::authorization::{Audience, Authorization};
use crate::tenant::flows::authorization_code::AuthorizationCode;
use crate::tenant::oauth::authorization_response::ResponseParams;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::refresh_tokens::Grant;
use crate::tenant::signing::Signing;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::signing::token_id::TokenId;
use crate::tenant::signing::tokens::{AccessClaims, IdToken, to_seconds};
use crate::tenant::state::Tenant;

/// One login, and the tokens to issue for it.
pub(crate) struct Issuance<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) client: &'a Client,
    pub(crate) user: &'a User,
    pub(crate) proved: &'a ProvedIdentity,
    pub(crate) scope: &'a str,
    pub(crate) audience: &'a Audience,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) session: Option<&'a str>,
    /// The name of the grant, if the tokens are issued for a code, or renewed by its refresh token.
    pub(crate) grant: Option<&'a str>,
}

impl Issuance<'_> {
    fn has(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|it| it == scope)
    }

    /// Issues an access token. Returns it, and for how many seconds it is valid.
    fn issue_access_token(
        &self,
        lifetimes: &Lifetimes,
        signing: &Signing,
        ambient: &Ambient,
    ) -> (String, u64) {
        let userinfo = self.issuer.userinfo();
        let (audience, lifetime): (Value, u64) = match self.audience {
            Audience::Userinfo => (userinfo.into(), lifetimes.access_token),
            Audience::Management(api) if self.has("openid") => {
                (json!([api, userinfo]), lifetimes.user_management_token)
            }
            Audience::Management(api) => (api.as_str().into(), lifetimes.user_management_token),
            Audience::Api(api) if self.has("openid") => (json!([api, userinfo]), lifetimes.access_token),
            Audience::Api(api) => (api.as_str().into(), lifetimes.access_token),
        };
        let now = to_seconds(ambient.now());
        let token = signing.keys.sign(&AccessClaims {
            iss: self.issuer.name(),
            sub: &self.user.user_id,
            aud: audience,
            iat: now,
            exp: now + lifetime,
            scope: self.scope,
            azp: &self.client.client_id,
            gty: None,
            jti: Some(TokenId::issue(
                &self.proved.user.user_id,
                self.proved.began,
                self.grant,
                ambient.random(),
            )),
        });
        (token, lifetime)
    }

    pub(crate) fn issue_id_token(
        &self,
        signing: &Signing,
        access_token: Option<&str>,
        code: Option<&str>,
    ) -> String {
        signing.sign_id_token(&IdToken {
            issuer: self.issuer,
            client_id: &self.client.client_id,
            user: self.user,
            identity: &self.proved.user.user_id,
            began: self.proved.began,
            grant: self.grant,
            scope: self.scope,
            auth_time: Some(self.proved.at),
            has_second_factor: self.proved.passed_factor_of(&self.user.user_id).is_some(),
            session: self.session,
            nonce: self.nonce,
            access_token,
            code,
        })
    }

    /// The response of the token endpoint, and the family of a refresh token that was
    /// issued. `refresh` is the refresh token that replaces one that was used.
    pub(crate) fn issue_token_response(
        &self,
        tenant: &Tenant,
        refresh: Option<String>,
    ) -> (Value, Option<String>) {
        let Tenant { config, signing, ambient, .. } = tenant;
        let (access_token, expires_in) = self.issue_access_token(&config.lifetimes, signing, ambient);
        let mut answer = json!({
            "access_token": access_token, "expires_in": expires_in, "token_type": "Bearer", "scope": self.scope,
        });
        if self.has("openid") {
            answer["id_token"] = self.issue_id_token(&tenant.signing, None, None).into();
        }
        let mut family = None;
        let refresh = refresh.or_else(|| {
            if !self.has("offline_access") || !self.client.allows_grant("refresh_token") {
                return None;
            }
            let (token, of) = tenant.people.refresh_tokens.issue(Grant {
                issuer: self.issuer.as_str().to_owned(),
                client_id: self.client.client_id.clone(),
                user_id: self.user.user_id.clone(),
                at: tenant.ambient.now(),
                proved: self.proved.without_attributes(),
                scope: self.scope.to_owned(),
                audience: match self.audience {
                    Audience::Userinfo => None,
                    Audience::Management(api) | Audience::Api(api) => Some(api.clone()),
                },
                session: self.session.map(str::to_owned),
                code_grant: self.grant.map(str::to_owned),
            });
            family = Some(of);
            Some(token)
        });
        if let Some(refresh) = refresh {
            answer["refresh_token"] = refresh.into();
        }
        (answer, family)
    }

    /// The parameters of the authorization response: a code, tokens, or both.
    pub(crate) fn issue_authorization_response(
        &self,
        tenant: &Tenant,
        authorization: &Authorization,
    ) -> ResponseParams {
        let response_type = authorization.response_type;
        let mut params = ResponseParams::new();
        let code = response_type.code.then(|| {
            tenant.flows.codes.put(Arc::new(AuthorizationCode {
                authorization: authorization.clone(),
                user_id: self.user.user_id.clone(),
                proved: self.proved.without_attributes(),
                session: self.session.map(str::to_owned),
                issuer: self.issuer.clone(),
            }))
        });
        let Tenant { config, signing, ambient, .. } = tenant;
        let access_token =
            response_type.token.then(|| self.issue_access_token(&config.lifetimes, signing, ambient));
        if let Some((token, expires_in)) = &access_token {
            params.extend([
                ("access_token", token.clone()),
                ("expires_in", expires_in.to_string()),
                ("token_type", "Bearer".to_owned()),
                ("scope", authorization.scope.clone()),
            ]);
        }
        if response_type.id_token {
            let access_token = access_token.as_ref().map(|(token, _)| token.as_str());
            params.push(("id_token", self.issue_id_token(&tenant.signing, access_token, code.as_deref())));
        }
        if let Some(code) = code {
            params.push(("code", code));
        }
        params
    }
}
