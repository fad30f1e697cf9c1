//! The requests of the client: sending the user to log in, and exchanging the code.

use std::time::Duration;

use oauth2::basic::{
    BasicErrorResponse, BasicRequestTokenError, BasicRevocationErrorResponse,
    BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::OidcError;
use super::id_token::{Expected, ProvedLogin, read_key_id, verify};
use super::issuer::{Demands, Issuer};
use super::tenant_documents::TenantDocuments;
use crate::ambient::Ambient;
use crate::auth0::{
    CallError, CallErrorKind, ClientCredentials, HttpAnswer, SetupError, TenantAddress, TenantHttp, TimeLimit,
};
use crate::model::{join_lines, mask_addresses};

/// The time limit of everything that one step asks of the tenant.
const STEP: Duration = Duration::from_secs(10);

/// The value of `acr_values` for a login with a second factor.
///
/// Source: Auth0, "Configure Step-up Authentication for Web Apps".
const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

/// The most bytes of the tenant's reason that an error repeats.
const LONGEST_REASON: usize = 300;

/// The application by which users log in to another account.
pub(crate) struct OidcClient {
    http: TenantHttp,
    documents: TenantDocuments,
    credentials: ClientCredentials,
    redirect_uri: Url,
    ambient: Ambient,
}

/// One login that the user was sent to. The browser keeps it, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginAttempt {
    /// The value of `state`.
    pub(crate) state: String,
    nonce: String,
    code_verifier: String,
    /// The time at which the user was sent, in seconds since 1970.
    sent_at: u64,
}

/// Hints for the login page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoginHints<'a> {
    /// The connection to log in with; none to let the user choose.
    pub(crate) connection: Option<&'a str>,
    pub(crate) login_hint: Option<&'a str>,
    /// Whether the tenant is asked for a second factor. The methods of the [`ProvedLogin`] show
    /// whether the user has passed one.
    pub(crate) second_factor: bool,
}

/// The ID token in the tenant's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IdTokenField {
    #[serde(default)]
    id_token: Option<String>,
}

impl ExtraTokenFields for IdTokenField {}

pub(super) type TokenAnswer = StandardTokenResponse<IdTokenField, BasicTokenType>;

/// The client of `oauth2`, with both endpoints.
pub(super) type Protocol = Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl OidcClient {
    /// A client of the tenant at which users log in. `redirect_uri` is where the tenant
    /// sends them back to. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// If the machine has no certificates of authorities.
    pub(crate) fn new(
        tenant: &TenantAddress,
        credentials: ClientCredentials,
        redirect_uri: Url,
        ambient: &Ambient,
    ) -> Result<Self, SetupError> {
        Self::at_issuer(Issuer::of_tenant(tenant)?, credentials, redirect_uri, ambient)
    }

    /// A client of any provider of OpenID Connect, for logins that need not be new. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// If the issuer is not a URL that can be asked, or the machine has no certificates of authorities.
    pub(crate) fn of_issuer(
        issuer: &str,
        credentials: ClientCredentials,
        redirect_uri: Url,
        ambient: &Ambient,
    ) -> Result<Self, OidcError> {
        let issuer = Issuer::from_url(issuer).map_err(OidcError::Issuer)?;
        Self::at_issuer(issuer, credentials, redirect_uri, ambient)
            .map_err(|error| OidcError::Setup(error.to_string()))
    }

    fn at_issuer(
        issuer: Issuer,
        credentials: ClientCredentials,
        redirect_uri: Url,
        ambient: &Ambient,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            http: TenantHttp::new(&issuer.host, ambient)?,
            documents: TenantDocuments::new(issuer, ambient),
            credentials,
            redirect_uri,
            ambient: ambient.clone(),
        })
    }

    /// Returns the issuer as a URL; the one of a tenant has a slash at the end.
    pub(crate) fn issuer(&self) -> &Url {
        &self.documents.issuer().url
    }

    /// Returns the id of the application.
    pub(crate) fn client_id(&self) -> &str {
        self.credentials.client_id()
    }

    pub(super) fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// Returns the URL to which the tenant sends users back.
    pub(super) fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Checks that the tenant's endpoints and keys can be read.
    pub(super) fn check_documents(&self, limit: TimeLimit) -> Result<(), OidcError> {
        self.documents.endpoints(&self.http, limit)?;
        let keys = self.documents.keys(&self.http, "", limit)?;
        if keys.keys.is_empty() {
            return Err(OidcError::Keys("the tenant publishes none that can be read".to_owned()));
        }
        Ok(())
    }

    /// Returns the attempt to log in, and the URL to send the user to. If the login is to prove an
    /// account, the tenant must ask for the credentials again.
    ///
    /// # Errors
    ///
    /// If the tenant's endpoints cannot be read.
    pub(crate) fn begin(&self, hints: LoginHints<'_>) -> Result<(LoginAttempt, Url), OidcError> {
        let random = self.ambient.random();
        let attempt = LoginAttempt {
            state: random.secret(),
            nonce: random.secret(),
            code_verifier: random.secret(),
            sent_at: self.ambient.since_epoch().as_secs(),
        };
        let protocol = self.protocol(self.limit())?;
        let verifier = PkceCodeVerifier::new(attempt.code_verifier.clone());
        let state = CsrfToken::new(attempt.state.clone());
        let mut request = protocol
            .authorize_url(|| state)
            .add_scopes(["openid", "email"].map(|scope| Scope::new(scope.to_owned())))
            .add_extra_param("nonce", &attempt.nonce)
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if self.demands_new_login() {
            request = request.add_extra_param("prompt", "login").add_extra_param("max_age", "0");
        }
        let acr_values = hints.second_factor.then_some(MULTI_FACTOR);
        for (name, value) in
            [("connection", hints.connection), ("login_hint", hints.login_hint), ("acr_values", acr_values)]
        {
            if let Some(value) = value {
                request = request.add_extra_param(name, value);
            }
        }
        let (url, _) = request.url();
        Ok((attempt, url))
    }

    /// Exchanges the code of an attempt, and verifies the ID token.
    ///
    /// # Errors
    ///
    /// If the tenant refuses the code, or if the token does not prove a new login.
    pub(crate) fn finish(&self, attempt: &LoginAttempt, code: &str) -> Result<ProvedLogin, OidcError> {
        let limit = self.limit();
        let protocol = self.protocol(limit)?;
        let send = |request: HttpRequest| self.send(request, limit);
        let answer = protocol
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.code_verifier.clone()))
            .request(&send)
            .map_err(code_error)?;
        let token = answer.extra_fields().id_token.as_deref();
        let token = token.ok_or(OidcError::IdToken("the tenant's answer has none"))?;
        let keys = self.documents.keys(&self.http, &read_key_id(token)?, limit)?;
        let expected = Expected {
            issuer: &self.documents.issuer().name,
            client_id: self.credentials.client_id(),
            nonce: &attempt.nonce,
            new_since: self.demands_new_login().then_some(attempt.sent_at),
            now: self.ambient.since_epoch().as_secs(),
        };
        verify(token, &keys, &expected)
    }

    fn demands_new_login(&self) -> bool {
        self.documents.issuer().demands == Demands::ProofAtTenant
    }

    fn limit(&self) -> TimeLimit {
        TimeLimit::after(&self.ambient, STEP)
    }

    pub(super) fn protocol(&self, limit: TimeLimit) -> Result<Protocol, OidcError> {
        let endpoints = self.documents.endpoints(&self.http, limit)?;
        let refuse = |_| OidcError::Discovery("an endpoint is not a URL".to_owned());
        let authorization = AuthUrl::new(endpoints.authorization.clone()).map_err(refuse)?;
        let token = TokenUrl::new(endpoints.token.clone()).map_err(refuse)?;
        let is_in_body = self.documents.issuer().takes_secret_in_body(&endpoints.secret_methods);
        let secret_in = if is_in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        Ok(Client::new(ClientId::new(self.credentials.client_id().to_owned()))
            .set_client_secret(ClientSecret::new(self.credentials.client_secret().to_owned()))
            .set_auth_type(secret_in)
            .set_auth_uri(authorization)
            .set_token_uri(token)
            .set_redirect_uri(RedirectUrl::from_url(self.redirect_uri.clone())))
    }

    /// Reads a page of the tenant as a browser does that follows no redirect.
    pub(super) fn get(&self, url: &Url, limit: TimeLimit) -> Result<HttpAnswer, CallError> {
        let request = oauth2::http::Request::get(url.as_str()).body(Vec::new());
        let request = request.map_err(|error| CallError {
            kind: CallErrorKind::NotSent(format!("the request cannot be sent: {error}")),
            correlation_id: None,
        })?;
        self.http.send(request, limit)
    }

    pub(super) fn send(&self, request: HttpRequest, limit: TimeLimit) -> Result<HttpResponse, CallError> {
        let answer = self.http.send(request, limit)?;
        let response = oauth2::http::Response::builder()
            .status(answer.status)
            .header("content-type", &answer.content_type)
            .body(answer.body);
        response.map_err(|error| CallError {
            kind: CallErrorKind::Unreadable(format!("the tenant's answer cannot be read: {error}")),
            correlation_id: None,
        })
    }
}

/// Turns an error into words without a value of the answer: it may hold a token.
pub(super) fn code_error(error: BasicRequestTokenError<CallError>) -> OidcError {
    match error {
        RequestTokenError::Request(error) => OidcError::Call(error),
        RequestTokenError::ServerResponse(answer) => {
            let code = answer.error().as_ref().to_owned();
            let words = answer.error_description().map(String::as_str).unwrap_or_default();
            OidcError::Code(join_lines(&mask_addresses(&format!("{code} {words}")), LONGEST_REASON))
        }
        RequestTokenError::Parse(..) => OidcError::Code("its answer is not the JSON of OAuth".to_owned()),
        RequestTokenError::Other(_) => OidcError::Code("its answer is empty".to_owned()),
    }
}
