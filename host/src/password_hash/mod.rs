//! Imported password hashes, which logins are verified against.
//!
//! Each hash is stored as one text:
//!
//! | text | algorithm | by |
//! |---|---|---|
//! | `$argon2id$v=…$m=…,t=…,p=…$SALT$HASH` | Argon2, a PHC string; also used for new passwords | `argon2` |
//! | `$2b$COST$…` | bcrypt | `bcrypt` |
//! | `$pbkdf2-sha256$i=…,l=…$SALT$HASH` | PBKDF2, a PHC string | `aws-lc-rs` |
//! | `$scrypt$ln=…,r=…,p=…$SALT$HASH` | scrypt, a PHC string | `scrypt` |
//! | `$sha256$salt=prefix$SALT$HASH` | a salted digest | `aws-lc-rs` |
//! | `$hmac-sha256$$KEY$HASH` | a keyed digest | `aws-lc-rs` |
//!
//! An import determines the cost of its users' logins, so every cost is bounded: see
//! [`Hash::parse`].

mod hash;
mod import;

pub(crate) use hash::Hash;
pub(crate) use import::take_hash;

#[cfg(test)]
mod tests;
