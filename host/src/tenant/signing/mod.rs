//! The tenant's signing identity: issuer, keys, tokens and their verification.

pub(super) mod issuer;
pub(super) mod keys;
pub(super) mod token_id;
pub(super) mod tokens;
pub(super) mod verification;

mod state;

pub(super) use state::Signing;
