//! The login that an authorization code stands for.

use crate::tenant::flows::authorization::Authorization;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::store::weight::Weighed;

/// The login that an authorization code stands for.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationCode {
    pub(crate) authorization: Authorization,
    /// The user to whom the code was issued.
    pub(crate) user_id: String,
    pub(crate) proved: ProvedIdentity,
    pub(crate) session: Option<String>,
    pub(crate) issuer: Issuer,
}

impl Weighed for AuthorizationCode {
    fn bytes(&self) -> usize {
        let Self { authorization, user_id, proved, session, issuer } = self;
        authorization.bytes() + user_id.len() + proved.bytes() + session.bytes() + issuer.as_str().len()
    }
}
