//! The stores of people together.

use crate::tenant::people::outbox::Outbox;
use crate::tenant::people::passwords::Passwords;
use crate::tenant::people::refresh_tokens::RefreshTokens;
use crate::tenant::people::revocations::Revocations;
use crate::tenant::people::sessions::Sessions;

/// State that the tenant keeps of people.
pub(crate) struct People {
    pub(crate) sessions: Sessions,
    pub(crate) refresh_tokens: RefreshTokens,
    pub(crate) revocations: Revocations,
    pub(crate) passwords: Passwords,
    pub(crate) outbox: Outbox,
}
