//! What an application asks for with `/authorize`, checked.

use crate::model::cut;
use crate::tenant::config::{Client, LEGACY};
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::linking::request as linking;
use crate::tenant::linking::request::Linking;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::signing::tokens::CURRENT_USER_SCOPES;
use crate::tenant::state::Tenant;
use crate::tenant::store::weight::Weighed;

/// A login that an application asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Authorization {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    /// Whether the request named it.
    pub(crate) names_redirect_uri: bool,
    pub(crate) wants: Wants,
    pub(crate) mode: Mode,
    pub(crate) scope: String,
    pub(crate) audience: Audience,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    /// PKCE's, by SHA-256.
    pub(crate) challenge: Option<String>,
    pub(crate) connection: Option<String>,
    pub(crate) login_hint: Option<String>,
    /// Whether the page begins with the form that makes an account
    /// (`screen_hint=signup`).
    pub(crate) begins_with_sign_up: bool,
    pub(crate) prompt: Prompt,
    /// How old a login may be, in seconds.
    pub(crate) max_age: Option<u64>,
    pub(crate) login_ticket: Option<String>,
    /// The link, or the end of one, that it asks for.
    pub(crate) linking: Option<Linking>,
}

/// What is to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wants {
    pub(crate) code: bool,
    pub(crate) token: bool,
    pub(crate) id_token: bool,
}

/// How it is to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Query,
    Fragment,
    FormPost,
    /// By a message to the page that has opened this one.
    WebMessage,
    /// The same as Lock's popups want it.
    Popup,
    /// On a page of the tenant's own: nothing comes back. No request asks for it.
    OwnPage,
}

/// Whom an access token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    /// `/userinfo` only.
    Userinfo,
    /// The Management API, for the user's own account.
    Management(String),
    /// An API of the configuration.
    Api(String),
}

/// Whether somebody may, or must, be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    IfNeeded,
    Never,
    Always,
}

/// Why there is no login.
pub(crate) enum Unanswered {
    /// Nobody can be told but who sits there: the client or its address is not
    /// known.
    Shown(OAuthError),
    /// The application is told.
    Told(Box<Told>),
}

pub(crate) struct Told {
    pub(crate) redirect_uri: String,
    pub(crate) mode: Mode,
    pub(crate) state: Option<String>,
    pub(crate) why: OAuthError,
}

const OPENID_SCOPES: [&str; 6] = ["openid", "profile", "email", "phone", "address", "offline_access"];

impl Authorization {
    /// Reads a request. Nothing is sent to an address before it is known to be
    /// the client's.
    pub(crate) fn read(tenant: &Tenant, issuer: &Issuer, params: &Params) -> Result<Self, Unanswered> {
        let client_id = params.require("client_id").map_err(Unanswered::Shown)?;
        let client = tenant.config.client(client_id).ok_or_else(|| {
            let description = format!("Unknown client: {client_id}");
            Unanswered::Shown(OAuthError::new(
                axum::http::StatusCode::BAD_REQUEST,
                "invalid_client",
                description,
            ))
        })?;
        let wants = Wants::read(params.get("response_type").unwrap_or("code"));
        let mode = Mode::read(params, wants.unwrap_or_default());
        let redirect_uri =
            redirect_uri(tenant, client, params.get("redirect_uri"), mode).map_err(Unanswered::Shown)?;
        let state = params.owned("state");

        let told = |why: OAuthError| {
            let mode = mode.unwrap_or(Mode::Query);
            Unanswered::Told(Box::new(Told {
                redirect_uri: redirect_uri.clone(),
                mode,
                state: state.clone(),
                why,
            }))
        };
        let unsupported = || {
            let description = "response_type: expected code, token, id_token or several of them";
            OAuthError::new(axum::http::StatusCode::BAD_REQUEST, "unsupported_response_type", description)
        };
        let mut wants = wants.ok_or_else(unsupported).map_err(told)?;
        let mode = mode
            .ok_or_else(|| OAuthError::invalid_request("response_mode does not fit response_type"))
            .map_err(told)?;
        wants.allow(client).map_err(told)?;
        let linking = Linking::read(tenant, issuer, client_id, params).map_err(told)?;
        let audience = params.get("audience");
        let audience = match Audience::read(tenant, issuer, audience) {
            // Nothing is behind it but the link.
            Err(_) if linking.is_some() && audience == Some(linking::AUDIENCE) => Audience::Userinfo,
            audience => audience.map_err(told)?,
        };
        let scope = audience.grant(tenant, client, params.get("scope").unwrap_or_default());
        // Until 2018, an access token came with an ID token.
        if tenant.config.legacy_id_tokens && wants.token && scope.split(' ').any(|it| it == "openid") {
            wants.id_token = true;
        }
        let nonce = params.owned("nonce");
        // Without it, nobody could tell a stolen ID token from one's own.
        if wants.id_token && nonce.is_none() && !tenant.config.legacy_id_tokens {
            return Err(told(OAuthError::invalid_request("nonce: required with response_type id_token")));
        }
        let challenge = match (params.get("code_challenge"), params.get("code_challenge_method")) {
            (None, None) => None,
            (Some(challenge), Some("S256")) => Some(challenge.to_owned()),
            _ => {
                return Err(told(OAuthError::invalid_request(
                    "code_challenge: expected one with code_challenge_method S256",
                )));
            }
        };
        if wants.code && client.client_secret.is_none() && challenge.is_none() {
            let why =
                OAuthError::invalid_request("code_challenge: required of clients without a secret (PKCE)");
            return Err(told(why));
        }
        let connection = params.owned("connection").or_else(|| params.owned("realm"));
        if let Some(name) = &connection
            && tenant.config.connection(name).is_none()
        {
            return Err(told(OAuthError::invalid_request(format!("the connection {name} was not found"))));
        }
        // An ordinary login would look like one to the organization.
        if params.get("organization").is_some() {
            return Err(told(OAuthError::invalid_request("organization: this tenant has no organizations")));
        }
        let max_age = params
            .get("max_age")
            .map(|it| it.parse().map_err(|_| OAuthError::invalid_request("max_age: expected seconds")));
        let max_age = max_age.transpose().map_err(told)?;
        let prompt = Prompt::read(params.get("prompt")).map_err(told)?;
        Ok(Self {
            client_id: client.client_id.clone(),
            wants,
            mode,
            scope,
            audience,
            nonce,
            challenge,
            connection,
            max_age,
            prompt,
            login_hint: params.owned("login_hint"),
            begins_with_sign_up: params.get("screen_hint") == Some("signup"),
            login_ticket: params.owned("login_ticket"),
            linking,
            names_redirect_uri: params.get("redirect_uri").is_some(),
            redirect_uri,
            state,
        })
    }

    /// A login that ends on a page of the tenant's own, without any token: only
    /// the browser's session says who it was.
    pub(crate) fn on_own_page(client_id: &str, page: String, login_hint: Option<String>) -> Self {
        Self {
            client_id: client_id.to_owned(),
            redirect_uri: page,
            names_redirect_uri: true,
            wants: Wants::default(),
            mode: Mode::OwnPage,
            scope: "openid profile email".to_owned(),
            audience: Audience::Userinfo,
            linking: None,
            state: None,
            nonce: None,
            challenge: None,
            connection: None,
            login_hint,
            begins_with_sign_up: false,
            prompt: Prompt::Always,
            max_age: None,
            login_ticket: None,
        }
    }

    /// As `transaction.protocol` calls it.
    pub(crate) fn protocol(&self) -> &'static str {
        match self.wants {
            Wants { code: true, token: false, id_token: false } => "oidc-basic-profile",
            Wants { code: true, .. } => "oidc-hybrid-profile",
            _ if self.mode == Mode::OwnPage => "oidc-basic-profile",
            _ => "oidc-implicit-profile",
        }
    }
}

impl Weighed for Authorization {
    fn bytes(&self) -> usize {
        let Self { state, nonce, challenge, connection, login_hint, login_ticket, .. } = self;
        let optional = [state, nonce, challenge, connection, login_hint, login_ticket];
        let audience = match &self.audience {
            Audience::Userinfo => 0,
            Audience::Management(api) | Audience::Api(api) => api.len(),
        };
        let texts = self.client_id.len() + self.redirect_uri.len() + self.scope.len() + audience;
        texts + optional.into_iter().map(Weighed::bytes).sum::<usize>() + self.linking.bytes()
    }
}

impl Wants {
    fn read(text: &str) -> Option<Self> {
        let mut wants = Self::default();
        for word in text.split_whitespace() {
            match word {
                "code" => wants.code = true,
                "token" => wants.token = true,
                "id_token" => wants.id_token = true,
                _ => return None,
            }
        }
        (wants != Self::default()).then_some(wants)
    }

    fn allow(self, client: &Client) -> Result<(), OAuthError> {
        let grants = [(self.code, "authorization_code"), (self.token || self.id_token, "implicit")];
        for (wanted, grant) in grants {
            if wanted && !client.may(grant) {
                let description = format!("Grant type '{grant}' not allowed for the client.");
                return Err(OAuthError::unauthorized_client(description));
            }
        }
        Ok(())
    }
}

impl Mode {
    fn read(params: &Params, wants: Wants) -> Option<Self> {
        if params.get("owp") == Some("true") {
            return Some(Self::Popup);
        }
        let has_tokens = wants.token || wants.id_token;
        match params.get("response_mode") {
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

/// The client's address, byte for byte; for a message to a page, any page of
/// one of its origins.
fn redirect_uri(
    tenant: &Tenant,
    client: &Client,
    asked: Option<&str>,
    mode: Option<Mode>,
) -> Result<String, OAuthError> {
    let asked = match asked {
        Some(asked) => asked,
        // Source: RFC 6749, 3.1.2.3: it may be left out where there is one only.
        None => match client.callbacks.as_slice() {
            [only] => only,
            _ => return Err(OAuthError::invalid_request("Missing required parameter: redirect_uri")),
        },
    };
    let (whole, asked) = (asked, asked.split_once('#').map_or(asked, |(address, _)| address));
    let is_callback = client.callbacks.iter().any(|it| it == asked);
    let origin = url::Url::parse(asked).ok().map(|url| url.origin().ascii_serialization());
    let is_own_page = origin.is_some_and(|origin| client.origins.contains(&origin));
    let fits = match mode {
        Some(mode) if mode.is_message() => is_own_page,
        _ => is_callback,
    };
    if fits && (whole == asked || tenant.config.legacy_id_tokens) {
        return Ok(asked.to_owned());
    }
    if fits {
        tracing::warn!(target: "audit", client = client.client_id, "a redirect_uri with a fragment was refused");
        return Err(OAuthError::invalid_request(format!("redirect_uri: one with a fragment (#…) {LEGACY}")));
    }
    tracing::warn!(target: "audit", client = client.client_id, tenant = tenant.config.name, "a redirect_uri was refused");
    let place = if mode.is_some_and(Mode::is_message) { "origins" } else { "callbacks" };
    Err(OAuthError::invalid_request(format!(
        "Callback URL mismatch. {} is not in the list of allowed {place} of the client `{}` in tenant.toml.",
        cut(whole, 500),
        client.client_id
    )))
}

impl Audience {
    pub(crate) fn read(tenant: &Tenant, issuer: &Issuer, asked: Option<&str>) -> Result<Self, OAuthError> {
        let Some(asked) = asked else { return Ok(Self::Userinfo) };
        if asked == issuer.userinfo() {
            return Ok(Self::Userinfo);
        }
        // Some clients know the tenant by https for the Management API, and by
        // http for logins.
        let is_management = asked.strip_suffix("api/v2/").is_some_and(|own| tenant.signing.hosts.is_own(own));
        if is_management {
            return Ok(Self::Management(asked.to_owned()));
        }
        if tenant.config.apis.iter().any(|api| api.identifier == asked) {
            return Ok(Self::Api(asked.to_owned()));
        }
        Err(OAuthError::access_denied(format!("Service not found: {asked}")))
    }

    /// Scopes that a user gets of those asked for, each once: what is granted is
    /// kept with a refresh token, and is no longer than what there is to grant.
    pub(crate) fn grant(&self, tenant: &Tenant, client: &Client, asked: &str) -> String {
        let is_granted = |scope: &&str| {
            let of_api = match self {
                Self::Userinfo => false,
                Self::Management(_) => CURRENT_USER_SCOPES.contains(scope),
                Self::Api(id) => tenant
                    .config
                    .apis
                    .iter()
                    .any(|api| api.identifier == *id && api.scopes.iter().any(|it| it == scope)),
            };
            let of_openid =
                OPENID_SCOPES.contains(scope) && (*scope != "offline_access" || client.may("refresh_token"));
            of_api || of_openid
        };
        let mut granted: Vec<&str> = Vec::new();
        for scope in asked.split_whitespace().filter(is_granted) {
            if !granted.contains(&scope) {
                granted.push(scope);
            }
        }
        granted.join(" ")
    }
}

impl Prompt {
    pub(crate) fn read(text: Option<&str>) -> Result<Self, OAuthError> {
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
