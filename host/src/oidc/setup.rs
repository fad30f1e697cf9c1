//! Checks of the application at the tenant, before any user is sent there.

use std::time::Duration;

use oauth2::{
    AuthorizationCode, CsrfToken, HttpRequest, PkceCodeChallenge, PkceCodeVerifier, RequestTokenError, Scope,
};
use url::Url;

use super::OidcError;
use super::client::{OidcClient, code_error};
use crate::auth0::TimeLimit;

/// The time limit of the checks together.
const CHECK: Duration = Duration::from_secs(10);

/// A code that no tenant has issued.
const NO_CODE: &str = "ligature-check";

impl OidcClient {
    /// Checks that the tenant's endpoints and keys can be read, and that it knows the
    /// application, its secret and its callback. No user is asked, and nothing is issued.
    ///
    /// # Errors
    ///
    /// If one of them is at fault.
    pub(crate) fn check(&self) -> Result<(), OidcError> {
        let limit = TimeLimit::after(self.ambient(), CHECK);
        self.check_documents(limit)?;
        self.check_credentials(limit)?;
        self.check_callback(limit)
    }

    /// Exchanges a code that nobody has issued. A tenant checks the application first.
    ///
    /// Source: RFC 6749, 5.2: `invalid_client`, or `invalid_grant`. Auth0 answers wrong
    /// credentials with 401 `access_denied`.
    fn check_credentials(&self, limit: TimeLimit) -> Result<(), OidcError> {
        let protocol = self.protocol(limit)?;
        let verifier = PkceCodeVerifier::new(self.ambient().random().secret());
        let exchanged = protocol
            .exchange_code(AuthorizationCode::new(NO_CODE.to_owned()))
            .set_pkce_verifier(verifier)
            .request(&|request: HttpRequest| self.send(request, limit));
        let error = match exchanged {
            Ok(_) => {
                return Err(OidcError::Code("it has exchanged a code that nobody has issued".to_owned()));
            }
            Err(error) => error,
        };
        let RequestTokenError::ServerResponse(answer) = &error else { return Err(code_error(error)) };
        match answer.error().as_ref() {
            "invalid_grant" => Ok(()),
            "access_denied" | "invalid_client" => Err(OidcError::Credentials),
            "unauthorized_client" => Err(OidcError::GrantType),
            _ => Err(code_error(error)),
        }
    }

    /// Asks for a login without a page. Its refusal is sent to the callback, if the tenant
    /// allows it, and shown to the browser otherwise.
    ///
    /// Source: RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6.
    fn check_callback(&self, limit: TimeLimit) -> Result<(), OidcError> {
        let protocol = self.protocol(limit)?;
        let state = CsrfToken::new(self.ambient().random().secret());
        let request = protocol.authorize_url(|| state).add_extra_param("prompt", "none");
        let request = request.add_scope(Scope::new("openid".to_owned()));
        let verifier = PkceCodeVerifier::new(self.ambient().random().secret());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let (url, _) = request.set_pkce_challenge(challenge).url();
        let answer = self.get(&url, limit)?;
        let sent_to = answer.location.as_deref().and_then(|location| Url::parse(location).ok());
        let callback = self.redirect_uri();
        let is_callback =
            sent_to.is_some_and(|url| url.origin() == callback.origin() && url.path() == callback.path());
        match answer.status {
            300..=399 if is_callback => Ok(()),
            300..=499 => Err(OidcError::Callback(callback.to_string())),
            status => Err(OidcError::Authorization(status)),
        }
    }
}
