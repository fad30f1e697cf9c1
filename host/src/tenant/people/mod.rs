//! Per-user state: sessions, tokens, passwords, attempts and mails.

pub(super) mod attempts;
pub(super) mod identifier_keys;
pub(super) mod login_ender;
pub(super) mod mail_links;
pub(super) mod mailed_codes;
pub(super) mod message_limit;
pub(super) mod objections;
pub(super) mod outbox;
pub(super) mod passwords;
pub(super) mod proved_identity;
pub(super) mod refresh_tokens;
pub(super) mod revocations;
pub(super) mod seed;
pub(super) mod sessions;
pub(super) mod typed_credentials;

mod state;

pub(super) use sessions::CookieKey;
pub(super) use state::{KeptParts, People};
