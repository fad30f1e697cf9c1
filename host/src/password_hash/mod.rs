//! Hashes of passwords: those that an import brings, checked at a login.
//!
//! Each is kept as one text:
//!
//! | text | algorithm | by |
//! |---|---|---|
//! | `$argon2id$v=…$m=…,t=…,p=…$SALT$HASH` | Argon2, a PHC string; new passwords are hashed so | `argon2` |
//! | `$2b$COST$…` | bcrypt | `bcrypt` |
//! | `$pbkdf2-sha256$i=…,l=…$SALT$HASH` | PBKDF2, a PHC string | `aws-lc-rs` |
//! | `$scrypt$ln=…,r=…,p=…$SALT$HASH` | scrypt, a PHC string | `scrypt` |
//! | `$sha256$salt=prefix$SALT$HASH` | a salted digest | `aws-lc-rs` |
//! | `$hmac-sha256$$KEY$HASH` | a keyed digest | `aws-lc-rs` |
//!
//! The importer of users chooses the cost of each of their logins, so every cost has
//! a bound here: see [`Hash::read`].

mod import;

use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::{Params, PasswordVerifier};
use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

pub(crate) use import::take;

/// The longest text of a hash, in bytes.
const TEXT: usize = 2_048;
/// The longest hash that is compared, in bytes.
const OUTPUT: usize = 512;
/// The dearest Argon2: KiB, passes, lanes, and KiB times passes.
const ARGON2: (u32, u32, u32, u64) = (64 << 10, 10, 4, 256 << 10);
/// The dearest bcrypt: 2 to the power of it. A quarter of a second or so.
const BCRYPT: u32 = 12;
/// The dearest PBKDF2: iterations times blocks of output.
const PBKDF2: u64 = 1_000_000;
/// The dearest scrypt: bytes of memory, and N times r times p.
const SCRYPT: (u64, u64) = (64 << 20, 1 << 20);

/// A hash that a password can be checked against.
pub(crate) enum Hash {
    Argon2(Box<phc::PasswordHash>),
    Bcrypt(String),
    Pbkdf2 { algorithm: pbkdf2::Algorithm, iterations: std::num::NonZeroU32, salt: Vec<u8>, hash: Vec<u8> },
    Scrypt { params: scrypt::Params, salt: Vec<u8>, hash: Vec<u8> },
    Digest { algorithm: &'static digest::Algorithm, is_prefix: bool, salt: Vec<u8>, hash: Vec<u8> },
    Hmac { algorithm: hmac::Algorithm, key: Vec<u8>, hash: Vec<u8> },
}

impl Hash {
    /// Reads a hash, if checking a password against it costs no more than a login
    /// may: Argon2 64 MiB, 10 passes, 4 lanes and 256 MiB times passes; bcrypt
    /// 2^12; PBKDF2 1,000,000 iterations times blocks; scrypt 64 MiB and 2^20 for
    /// N times r times p.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.len() > TEXT {
            return Err(format!("the hash is longer than {TEXT} bytes"));
        }
        let mut parts = text.strip_prefix('$').unwrap_or_default().split('$');
        let name = parts.next().unwrap_or_default();
        match name {
            "2a" | "2b" | "2y" => bcrypt(text),
            "argon2d" | "argon2i" | "argon2id" => argon2(text),
            _ => {
                let parts: Vec<&str> = parts.collect();
                let &[params, salt, hash] = parts.as_slice() else {
                    return Err(
                        "it is none of the forms $NAME$PARAMETERS$SALT$HASH and $2b$COST$…".to_owned()
                    );
                };
                let (salt, hash) = (unpadded(salt)?, unpadded(hash)?);
                if hash.is_empty() || hash.len() > OUTPUT {
                    return Err(format!("the hash is empty, or longer than {OUTPUT} bytes"));
                }
                phc_like(name, params, salt, hash)
            }
        }
    }

    /// Whether it is this password's.
    pub(crate) fn is_of(&self, password: &[u8]) -> bool {
        match self {
            // The parameters are those of the hash.
            Self::Argon2(hash) => Argon2::default().verify_password(password, &**hash).is_ok(),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Pbkdf2 { algorithm, iterations, salt, hash } => {
                pbkdf2::verify(*algorithm, *iterations, salt, password, hash).is_ok()
            }
            Self::Scrypt { params, salt, hash } => {
                let mut made = vec![0; hash.len()];
                scrypt::scrypt(password, salt, params, &mut made).is_ok() && is_same(&made, hash)
            }
            Self::Digest { algorithm, is_prefix, salt, hash } => {
                let (first, second) = if *is_prefix { (&salt[..], password) } else { (password, &salt[..]) };
                let mut context = digest::Context::new(algorithm);
                context.update(first);
                context.update(second);
                is_same(context.finish().as_ref(), hash)
            }
            Self::Hmac { algorithm, key, hash } => {
                hmac::verify(&hmac::Key::new(*algorithm, key), password, hash).is_ok()
            }
        }
    }
}

fn is_same(made: &[u8], hash: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(made, hash).is_ok()
}

fn unpadded(text: &str) -> Result<Vec<u8>, String> {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| "its salt or hash is no Base64".to_owned())
}

fn argon2(text: &str) -> Result<Hash, String> {
    let none = || "the hash is none of Argon2 in the PHC format".to_owned();
    let hash = phc::PasswordHash::new(text).map_err(|_| none())?;
    let params = Params::try_from(&hash).map_err(|_| none())?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("the hash has no salt, or no output".to_owned());
    }
    let (memory, passes, lanes, most) = ARGON2;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > memory || params.t_cost() > passes || params.p_cost() > lanes || work > most {
        return Err(format!(
            "the hash is too dear: up to {memory} KiB, {passes} passes, {lanes} lanes, and {most} KiB times \
             passes can be checked here"
        ));
    }
    Ok(Hash::Argon2(Box::new(hash)))
}

fn bcrypt(text: &str) -> Result<Hash, String> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| "the hash is none of bcrypt".to_owned())?;
    if parts.get_cost() > BCRYPT {
        return Err(format!(
            "the hash is too dear: bcrypt up to a cost of {BCRYPT} can be checked here, and this is {}",
            parts.get_cost()
        ));
    }
    Ok(Hash::Bcrypt(text.to_owned()))
}

fn phc_like(name: &str, params: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Hash, String> {
    if let Some(digest) = name.strip_prefix("pbkdf2-") {
        return of_pbkdf2(digest, params, salt, hash);
    }
    if let Some(digest) = name.strip_prefix("hmac-") {
        let algorithm = match digest {
            "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "sha224" => hmac::HMAC_SHA224,
            "sha256" => hmac::HMAC_SHA256,
            "sha384" => hmac::HMAC_SHA384,
            "sha512" => hmac::HMAC_SHA512,
            other => return Err(unknown(&format!("hmac with {other}"))),
        };
        return Ok(Hash::Hmac { algorithm, key: salt, hash });
    }
    if name == "scrypt" {
        return of_scrypt(params, salt, hash);
    }
    let algorithm = digest_of(name).ok_or_else(|| unknown(name))?;
    let is_prefix = match params {
        "salt=prefix" => true,
        "salt=suffix" => false,
        _ => return Err("the salt stands neither before nor behind the password".to_owned()),
    };
    Ok(Hash::Digest { algorithm, is_prefix, salt, hash })
}

fn digest_of(name: &str) -> Option<&'static digest::Algorithm> {
    Some(match name {
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        _ => return None,
    })
}

fn unknown(algorithm: &str) -> String {
    format!(
        "{} cannot be checked here, but argon2, bcrypt, hmac, ldap, pbkdf2, scrypt, sha1, sha256 and sha512; \
         leave the hash out, and the user sets a first password by a reset",
        crate::model::cut(algorithm, 40)
    )
}

/// The number that a list of parameters gives to a name.
fn parameter(params: &str, name: &str) -> Option<u64> {
    params.split(',').find_map(|it| it.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn of_pbkdf2(digest: &str, params: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Hash, String> {
    let (algorithm, block) = match digest {
        "sha1" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        "sha256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        "sha384" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
        "sha512" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        other => return Err(unknown(&format!("pbkdf2 with {other}"))),
    };
    let iterations = parameter(params, "i").and_then(|it| u32::try_from(it).ok());
    let Some(iterations) = iterations.and_then(std::num::NonZeroU32::new) else {
        return Err("the hash of pbkdf2 does not say how many iterations: i=…".to_owned());
    };
    if parameter(params, "l").is_some_and(|length| length != hash.len() as u64) {
        return Err("the hash of pbkdf2 is not as long as it says".to_owned());
    }
    let work = u64::from(iterations.get()) * hash.len().div_ceil(block) as u64;
    if work > PBKDF2 {
        return Err(format!(
            "the hash is too dear: {PBKDF2} iterations times blocks of pbkdf2 can be checked here, and this \
             is {work}"
        ));
    }
    Ok(Hash::Pbkdf2 { algorithm, iterations, salt, hash })
}

fn of_scrypt(params: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Hash, String> {
    let missing = "the hash of scrypt does not say its parameters: ln=…,r=…,p=…";
    let number = |name: &str| parameter(params, name).and_then(|it| u32::try_from(it).ok()).ok_or(missing);
    let (log_n, block, lanes) = (number("ln")?, number("r")?, number("p")?);
    let (memory, work) = SCRYPT;
    let blocks = 1_u64.checked_shl(log_n).filter(|_| log_n < 64).and_then(|n| n.checked_mul(block.into()));
    let is_cheap = blocks.is_some_and(|blocks| {
        blocks.checked_mul(128).is_some_and(|bytes| bytes <= memory)
            && blocks.checked_mul(lanes.into()).is_some_and(|all| all <= work)
    });
    if !is_cheap {
        return Err(format!(
            "the hash is too dear: scrypt with up to {} MiB, and {work} for N times r times p, can be checked \
             here",
            memory >> 20
        ));
    }
    let log_n = u8::try_from(log_n).map_err(|_| missing.to_owned())?;
    let params = scrypt::Params::new(log_n, block, lanes)
        .map_err(|_| "the parameters of scrypt are out of its range".to_owned())?;
    Ok(Hash::Scrypt { params, salt, hash })
}

#[cfg(test)]
mod tests;
