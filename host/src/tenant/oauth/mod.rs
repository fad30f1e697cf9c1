//! OAuth 2.0 and OpenID Connect endpoints.

pub(super) mod answer;
pub(super) mod authorization;
pub(super) mod authorize;
pub(super) mod bearer;
pub(super) mod client_auth;
pub(super) mod discovery;
pub(super) mod error;
pub(super) mod grants;
pub(super) mod logout;
pub(super) mod token;
pub(super) mod userinfo;
