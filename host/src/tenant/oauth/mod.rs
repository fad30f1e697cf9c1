//! OAuth 2.0 and OpenID Connect endpoints.

pub(super) mod authorization_params;
pub(super) mod authorization_request;
pub(super) mod authorization_response;
pub(super) mod authorize;
pub(super) mod bearer;
pub(super) mod begin_linking;
pub(super) mod browser_visit;
pub(super) mod client_auth;
pub(super) mod discovery;
pub(super) mod issued_tokens;
pub(super) mod linking_request;
pub(super) mod logout;
pub(super) mod token;
pub(super) mod userinfo;
