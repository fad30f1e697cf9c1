//! A checked authorization request.

use axum::http::StatusCode;

use crate::model::truncate;
use crate::tenant::config::{Client, Config, LEGACY};
use crate::tenant::flows::authorization::{Audience, Authorization, Prompt, ResponseMode, ResponseType};
use crate::tenant::flows::linking_request::LinkingRequest;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::visit::Visit;
use crate::tenant::linking::request as linking;
use crate::tenant::oauth::authorization_params::AuthorizationParams;
use crate::tenant::signing::tokens::{CURRENT_USER_SCOPES, MULTI_FACTOR};

/// The address that a response goes to, and the way it goes there.
#[derive(Clone, Copy)]
pub(crate) struct ResponseTarget<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) mode: ResponseMode,
    pub(crate) state: Option<&'a str>,
}

/// The reason why a request is not answered with a login.
pub(crate) enum AuthorizationError {
    /// The error is shown to the user: the client or its address is not known.
    Shown(OAuthError),
    /// The error is sent to the application.
    Sent(Box<SentError>),
}

/// An error, and the address of the application that it is sent to.
pub(crate) struct SentError {
    pub(crate) redirect_uri: String,
    pub(crate) mode: ResponseMode,
    pub(crate) state: Option<String>,
    pub(crate) error: OAuthError,
}

/// The checked address of a request whose other parameters are not checked yet. `None` of
/// a value that is invalid.
struct Target {
    redirect_uri: String,
    response_type: Option<ResponseType>,
    mode: Option<ResponseMode>,
}

const OPENID_SCOPES: [&str; 6] = ["openid", "profile", "email", "phone", "address", "offline_access"];

impl Authorization {
    /// Parses a request. The client and its address are checked first, so that nothing is
    /// sent to an address that is not the client's.
    pub(crate) fn parse(visit: &Visit, params: &AuthorizationParams) -> Result<Self, AuthorizationError> {
        let tenant = &*visit.tenant;
        let client = find_client(&tenant.config, params).map_err(AuthorizationError::Shown)?;
        let response_type = ResponseType::parse(params.response_type.as_deref().unwrap_or("code"));
        let mode = ResponseMode::parse(params, response_type.unwrap_or_default());
        let redirect_uri = check_redirect_uri(&tenant.config, client, params.redirect_uri.as_deref(), mode);
        let target =
            Target { redirect_uri: redirect_uri.map_err(AuthorizationError::Shown)?, response_type, mode };
        let parsed = Self::parse_for(visit, client, &target, params);
        parsed.map_err(|error| {
            AuthorizationError::Sent(Box::new(SentError {
                redirect_uri: target.redirect_uri,
                mode: mode.unwrap_or(ResponseMode::Query),
                state: params.state.clone(),
                error,
            }))
        })
    }

    fn parse_for(
        visit: &Visit,
        client: &Client,
        target: &Target,
        params: &AuthorizationParams,
    ) -> Result<Self, OAuthError> {
        let tenant = &*visit.tenant;
        let unsupported = || {
            let description = "response_type: expected code, token, id_token or several of them";
            OAuthError::new(StatusCode::BAD_REQUEST, "unsupported_response_type", description)
        };
        let mut response_type = target.response_type.ok_or_else(unsupported)?;
        let unfit = || OAuthError::invalid_request("response_mode does not fit response_type");
        let mode = target.mode.ok_or_else(unfit)?;
        response_type.require_allowed(client)?;
        let linking = LinkingRequest::parse(visit, &client.client_id, params)?;
        let audience = match Audience::parse(visit, params.audience.as_deref()) {
            // This API has no endpoint but the link.
            Err(_) if linking.is_some() && params.audience.as_deref() == Some(linking::AUDIENCE) => {
                Audience::Userinfo
            }
            audience => audience?,
        };
        let scope = audience.grant(&tenant.config, client, params.scope.as_deref().unwrap_or_default());
        let is_legacy = tenant.config.legacy_id_tokens;
        // Until 2018, an access token came with an ID token.
        if is_legacy && response_type.token && scope.split(' ').any(|it| it == "openid") {
            response_type.id_token = true;
        }
        // Without a nonce, a client cannot tell a stolen ID token from its own.
        if response_type.id_token && params.nonce.is_none() && !is_legacy {
            return Err(OAuthError::invalid_request("nonce: required with response_type id_token"));
        }
        let code_challenge = check_code_challenge(client, response_type, params)?;
        let connection = params.connection.clone().or_else(|| params.realm.clone());
        if let Some(name) = &connection
            && tenant.config.connection(name).is_none()
        {
            return Err(OAuthError::invalid_request(format!("the connection {name} was not found")));
        }
        // An ordinary login would look like one to the organization.
        if params.organization.is_some() {
            return Err(OAuthError::invalid_request(
                "organization: this tenant has no logins to an organization",
            ));
        }
        let seconds = |text: &String| {
            text.parse().map_err(|_| OAuthError::invalid_request("max_age: expected seconds"))
        };
        Ok(Self {
            client_id: client.client_id.clone(),
            response_type,
            mode,
            scope,
            audience,
            nonce: params.nonce.clone(),
            code_challenge,
            connection,
            max_age: params.max_age.as_ref().map(seconds).transpose()?,
            wants_second_factor: params.acr_values.as_deref().is_some_and(wants_second_factor),
            prompt: Prompt::parse(params.prompt.as_deref())?,
            login_hint: params.login_hint.clone(),
            begins_with_sign_up: params.screen_hint.as_deref() == Some("signup"),
            login_ticket: params.login_ticket.clone(),
            linking,
            names_redirect_uri: params.redirect_uri.is_some(),
            redirect_uri: target.redirect_uri.clone(),
            state: params.state.clone(),
        })
    }

    /// The address that the response goes to, and the way it goes there.
    pub(crate) fn response_target(&self) -> ResponseTarget<'_> {
        ResponseTarget { redirect_uri: &self.redirect_uri, mode: self.mode, state: self.state.as_deref() }
    }
}

fn wants_second_factor(acr_values: &str) -> bool {
    acr_values.split(' ').any(|value| value == MULTI_FACTOR)
}

impl ResponseType {
    fn parse(text: &str) -> Option<Self> {
        let mut values = Self::default();
        for word in text.split_whitespace() {
            match word {
                "code" => values.code = true,
                "token" => values.token = true,
                "id_token" => values.id_token = true,
                _ => return None,
            }
        }
        (values != Self::default()).then_some(values)
    }

    fn require_allowed(self, client: &Client) -> Result<(), OAuthError> {
        let grants = [(self.code, "authorization_code"), (self.token || self.id_token, "implicit")];
        for (wanted, grant) in grants {
            if wanted && !client.allows_grant(grant) {
                let description = format!("Grant type '{grant}' not allowed for the client.");
                return Err(OAuthError::unauthorized_client(description));
            }
        }
        Ok(())
    }
}

impl ResponseMode {
    fn parse(params: &AuthorizationParams, response_type: ResponseType) -> Option<Self> {
        if params.owp.as_deref() == Some("true") {
            return Some(Self::Popup);
        }
        let has_tokens = response_type.token || response_type.id_token;
        match params.response_mode.as_deref() {
            None if has_tokens => Some(Self::Fragment),
            None => Some(Self::Query),
            // Queries end up in logs.
            Some("query") if has_tokens => None,
            Some("query") => Some(Self::Query),
            Some("fragment") => Some(Self::Fragment),
            Some("form_post") => Some(Self::FormPost),
            Some("web_message") => Some(Self::WebMessage),
            Some(_) => None,
        }
    }

    fn is_message(self) -> bool {
        matches!(self, Self::WebMessage | Self::Popup)
    }
}

fn find_client<'a>(config: &'a Config, params: &AuthorizationParams) -> Result<&'a Client, OAuthError> {
    let missing = || OAuthError::invalid_request("Missing required parameter: client_id");
    let client_id = params.client_id.as_ref().ok_or_else(missing)?;
    config.client(client_id).ok_or_else(|| {
        let description = format!("Unknown client: {client_id}");
        OAuthError::new(StatusCode::BAD_REQUEST, "invalid_client", description)
    })
}

/// Checks the code challenge of PKCE. A client without a secret needs one.
fn check_code_challenge(
    client: &Client,
    response_type: ResponseType,
    params: &AuthorizationParams,
) -> Result<Option<String>, OAuthError> {
    let challenge = match (&params.code_challenge, params.code_challenge_method.as_deref()) {
        (None, None) => None,
        (Some(challenge), Some("S256")) => Some(challenge.clone()),
        _ => {
            let description = "code_challenge: expected one with code_challenge_method S256";
            return Err(OAuthError::invalid_request(description));
        }
    };
    if response_type.code && client.client_secret.is_none() && challenge.is_none() {
        let description = "code_challenge: required of clients without a secret (PKCE)";
        return Err(OAuthError::invalid_request(description));
    }
    Ok(challenge)
}

/// Checks the address of the application: it is one of the client's callbacks, byte for
/// byte, or, for a message to a page, any page of one of the client's origins.
fn check_redirect_uri(
    config: &Config,
    client: &Client,
    requested: Option<&str>,
    mode: Option<ResponseMode>,
) -> Result<String, OAuthError> {
    let requested = match requested {
        Some(uri) => uri,
        // Source: RFC 6749, 3.1.2.3: a client with one callback can omit it.
        None => match client.callbacks.as_slice() {
            [only] => only,
            _ => return Err(OAuthError::invalid_request("Missing required parameter: redirect_uri")),
        },
    };
    let uri = requested.split_once('#').map_or(requested, |(uri, _)| uri);
    let is_callback = client.callbacks.iter().any(|it| it == uri);
    let origin = url::Url::parse(uri).ok().map(|url| url.origin().ascii_serialization());
    let is_own_page = origin.is_some_and(|origin| client.origins.contains(&origin));
    let fits = match mode {
        Some(mode) if mode.is_message() => is_own_page,
        _ => is_callback,
    };
    if fits && (requested == uri || config.legacy_id_tokens) {
        return Ok(uri.to_owned());
    }
    if fits {
        tracing::warn!(target: "audit", client = client.client_id, "a redirect_uri with a fragment was refused");
        return Err(OAuthError::invalid_request(format!("redirect_uri: one with a fragment (#…) {LEGACY}")));
    }
    tracing::warn!(target: "audit", client = client.client_id, tenant = config.name, "a redirect_uri was refused");
    let place = if mode.is_some_and(ResponseMode::is_message) { "origins" } else { "callbacks" };
    Err(OAuthError::invalid_request(format!(
        "Callback URL mismatch. {} is not in the list of allowed {place} of the client `{}` in tenant.toml.",
        truncate(requested, 500),
        client.client_id
    )))
}

/// Removes the fragment of an address, which a browser does not send. Older applications
/// send their page's address with it.
pub(crate) fn without_fragment<'a>(config: &Config, uri: &'a str) -> &'a str {
    match uri.split_once('#') {
        Some((address, _)) if config.legacy_id_tokens => address,
        _ => uri,
    }
}

impl Audience {
    pub(crate) fn parse(visit: &Visit, requested: Option<&str>) -> Result<Self, OAuthError> {
        let Some(audience) = requested else { return Ok(Self::Userinfo) };
        let tenant = &visit.tenant;
        if audience == visit.issuer.userinfo() {
            return Ok(Self::Userinfo);
        }
        // Some clients know the tenant by https for the Management API, and by
        // http for logins.
        if tenant.signing.hosts.is_management_audience(audience) {
            return Ok(Self::Management(audience.to_owned()));
        }
        if tenant.config.apis.iter().any(|api| api.identifier == audience) {
            return Ok(Self::Api(audience.to_owned()));
        }
        Err(OAuthError::access_denied(format!("Service not found: {audience}")))
    }

    /// The scopes that a user is granted of those requested, each once. They are kept with
    /// a refresh token, so their length must be bounded.
    pub(crate) fn grant(&self, config: &Config, client: &Client, requested: &str) -> String {
        let is_granted = |scope: &&str| {
            let of_api = match self {
                Self::Userinfo => false,
                Self::Management(_) => CURRENT_USER_SCOPES.contains(scope),
                Self::Api(id) => config
                    .apis
                    .iter()
                    .any(|api| api.identifier == *id && api.scopes.iter().any(|it| it == scope)),
            };
            let of_openid = OPENID_SCOPES.contains(scope)
                && (*scope != "offline_access" || client.allows_grant("refresh_token"));
            of_api || of_openid
        };
        let mut granted: Vec<&str> = Vec::new();
        for scope in requested.split_whitespace().filter(is_granted) {
            if !granted.contains(&scope) {
                granted.push(scope);
            }
        }
        granted.join(" ")
    }
}

impl Prompt {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, OAuthError> {
        let mut prompt = Self::IfNeeded;
        let words: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
        for word in &words {
            prompt = match *word {
                "none" if words.len() == 1 => Self::Never,
                "login" | "select_account" => Self::Always,
                // There is nothing to consent to.
                "consent" => prompt,
                _ => {
                    return Err(OAuthError::invalid_request(
                        "prompt: expected none, login, consent or select_account",
                    ));
                }
            };
        }
        Ok(prompt)
    }
}
