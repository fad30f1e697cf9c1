//! The data of an authorization request, as it is kept until the login is finished.

use crate::model::join_lines;
use crate::tenant::flows::linking_request::LinkingRequest;
use crate::tenant::store::weight::Weighed;

/// A login that an application requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Authorization {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    /// Whether the request contains `redirect_uri`. A client with one callback can omit it.
    pub(crate) names_redirect_uri: bool,
    pub(crate) response_type: ResponseType,
    pub(crate) mode: ResponseMode,
    pub(crate) scope: String,
    pub(crate) audience: Audience,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    /// The challenge of PKCE: the SHA-256 hash of the verifier, in base64url.
    pub(crate) code_challenge: Option<String>,
    pub(crate) connection: Option<String>,
    pub(crate) login_hint: Option<String>,
    /// Whether the page begins with the form that makes an account
    /// (`screen_hint=signup`).
    pub(crate) begins_with_sign_up: bool,
    pub(crate) prompt: Prompt,
    /// The greatest age of a login, in seconds.
    pub(crate) max_age: Option<u64>,
    /// Whether the application asks for a second factor (`acr_values`).
    pub(crate) wants_second_factor: bool,
    pub(crate) login_ticket: Option<String>,
    /// The link or the unlink that it requests.
    pub(crate) linking: Option<LinkingRequest>,
}

/// The values that the response contains (`response_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ResponseType {
    pub(crate) code: bool,
    pub(crate) token: bool,
    pub(crate) id_token: bool,
}

/// The way that the response goes to the application (`response_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
    /// A message to the page that opened this one.
    WebMessage,
    /// The same message in the format of Lock's popups (`owp=true`).
    Popup,
    /// A page of the tenant, without a response. No request can name it.
    OwnPage,
}

/// The API that an access token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Only `/userinfo`.
    Userinfo,
    /// The Management API, for the user's own account; with its identifier.
    Management(String),
    /// An API of the configuration, with its identifier.
    Api(String),
}

/// Whether the login page may, or must, be shown (`prompt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    IfNeeded,
    Never,
    Always,
}

impl Authorization {
    /// A login that ends on a page of the tenant, without a token. The page knows the user
    /// by the browser's session.
    pub(crate) fn on_own_page(client_id: &str, page: String, login_hint: Option<String>) -> Self {
        Self {
            client_id: client_id.to_owned(),
            redirect_uri: page,
            names_redirect_uri: true,
            response_type: ResponseType::default(),
            mode: ResponseMode::OwnPage,
            scope: "openid profile email".to_owned(),
            audience: Audience::Userinfo,
            linking: None,
            state: None,
            nonce: None,
            code_challenge: None,
            connection: None,
            login_hint,
            begins_with_sign_up: false,
            prompt: Prompt::Always,
            max_age: None,
            wants_second_factor: false,
            login_ticket: None,
        }
    }

    /// The address or name that the application suggests. Without effect is one with characters that
    /// are not seen or that control the direction of text.
    pub(crate) fn shown_hint(&self) -> Option<&str> {
        self.login_hint.as_deref().filter(|hint| join_lines(hint, hint.len()) == *hint)
    }

    /// The protocol, as `transaction.protocol` of an event names it.
    pub(crate) fn protocol(&self) -> &'static str {
        match self.response_type {
            ResponseType { code: true, token: false, id_token: false } => "oidc-basic-profile",
            ResponseType { code: true, .. } => "oidc-hybrid-profile",
            _ if self.mode == ResponseMode::OwnPage => "oidc-basic-profile",
            _ => "oidc-implicit-profile",
        }
    }
}

impl Weighed for Authorization {
    fn bytes(&self) -> usize {
        let Self { state, nonce, code_challenge, connection, login_hint, login_ticket, .. } = self;
        let optional = [state, nonce, code_challenge, connection, login_hint, login_ticket];
        let audience = match &self.audience {
            Audience::Userinfo => 0,
            Audience::Management(api) | Audience::Api(api) => api.len(),
        };
        let texts = self.client_id.len() + self.redirect_uri.len() + self.scope.len() + audience;
        texts + optional.into_iter().map(Weighed::bytes).sum::<usize>() + self.linking.bytes()
    }
}
