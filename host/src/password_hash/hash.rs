//! A password hash, its limits and its verification.

use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::{Params, PasswordVerifier};
use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The maximum length of the text of a hash, in bytes.
const TEXT: usize = 2_048;
/// The maximum length of the hash itself, in bytes.
const OUTPUT: usize = 512;
/// The maximum cost of Argon2: KiB, passes, lanes, and KiB times passes.
const ARGON2: (u32, u32, u32, u64) = (64 << 10, 10, 4, 256 << 10);
/// The maximum cost of bcrypt, as a power of two. It takes about a quarter of a second.
const BCRYPT: u32 = 12;
/// The maximum cost of PBKDF2: iterations times blocks of output.
const PBKDF2: u64 = 1_000_000;
/// The maximum cost of scrypt: bytes of memory, and N times r times p.
const SCRYPT: (u64, u64) = (64 << 20, 1 << 20);

/// A hash that a password can be verified against.
pub(crate) enum Hash {
    Argon2(Box<phc::PasswordHash>),
    Bcrypt(String),
    Pbkdf2 { algorithm: pbkdf2::Algorithm, iterations: std::num::NonZeroU32, salt: Vec<u8>, hash: Vec<u8> },
    Scrypt { params: scrypt::Params, salt: Vec<u8>, hash: Vec<u8> },
    Digest { algorithm: &'static digest::Algorithm, is_prefix: bool, salt: Vec<u8>, hash: Vec<u8> },
    Hmac { algorithm: hmac::Algorithm, key: Vec<u8>, hash: Vec<u8> },
}

impl Hash {
    /// Parses a hash. Fails if verifying a password would exceed the maximum cost of a
    /// login: Argon2 64 MiB, 10 passes, 4 lanes and 256 MiB times passes; bcrypt
    /// 2^12; PBKDF2 1,000,000 iterations times blocks; scrypt 64 MiB and 2^20 for
    /// N times r times p.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEXT {
            return Err(format!("the hash is longer than {TEXT} bytes"));
        }
        let mut parts = text.strip_prefix('$').unwrap_or_default().split('$');
        let name = parts.next().unwrap_or_default();
        match name {
            "2a" | "2b" | "2y" => parse_bcrypt(text),
            "argon2d" | "argon2i" | "argon2id" => parse_argon2(text),
            _ => {
                let parts: Vec<&str> = parts.collect();
                let &[params, salt, hash] = parts.as_slice() else {
                    return Err(
                        "it has neither of the forms $NAME$PARAMETERS$SALT$HASH and $2b$COST$…".to_owned()
                    );
                };
                let (salt, hash) = (decode_base64(salt)?, decode_base64(hash)?);
                if hash.is_empty() || hash.len() > OUTPUT {
                    return Err(format!("the hash is empty, or longer than {OUTPUT} bytes"));
                }
                parse_phc(name, params, salt, hash)
            }
        }
    }

    /// Returns whether the hash is that of a password.
    pub(crate) fn matches(&self, password: &[u8]) -> bool {
        match self {
            // The hash contains its own parameters.
            Self::Argon2(hash) => Argon2::default().verify_password(password, &**hash).is_ok(),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Pbkdf2 { algorithm, iterations, salt, hash } => {
                pbkdf2::verify(*algorithm, *iterations, salt, password, hash).is_ok()
            }
            Self::Scrypt { params, salt, hash } => {
                let mut computed = vec![0; hash.len()];
                scrypt::scrypt(password, salt, params, &mut computed).is_ok() && is_same(&computed, hash)
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

/// Compares hashes in constant time.
fn is_same(computed: &[u8], hash: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(computed, hash).is_ok()
}

fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD_NO_PAD
        .decode(text.trim_end_matches('='))
        .map_err(|_| "its salt or hash is not Base64".to_owned())
}

fn parse_argon2(text: &str) -> Result<Hash, String> {
    let none = || "the hash is not an Argon2 hash in the PHC format".to_owned();
    let hash = phc::PasswordHash::new(text).map_err(|_| none())?;
    let params = Params::try_from(&hash).map_err(|_| none())?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("the hash has no salt, or no output".to_owned());
    }
    let (memory, passes, lanes, most) = ARGON2;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > memory || params.t_cost() > passes || params.p_cost() > lanes || work > most {
        return Err(format!(
            "the hash is too expensive: up to {memory} KiB, {passes} passes, {lanes} lanes, and {most} KiB times \
             passes can be checked here"
        ));
    }
    Ok(Hash::Argon2(Box::new(hash)))
}

fn parse_bcrypt(text: &str) -> Result<Hash, String> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| "the hash is not a bcrypt hash".to_owned())?;
    if parts.get_cost() > BCRYPT {
        return Err(format!(
            "the hash is too expensive: bcrypt up to a cost of {BCRYPT} can be checked here, and this is {}",
            parts.get_cost()
        ));
    }
    Ok(Hash::Bcrypt(text.to_owned()))
}

fn parse_phc(name: &str, params: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Hash, String> {
    if let Some(digest) = name.strip_prefix("pbkdf2-") {
        return parse_pbkdf2(digest, params, salt, hash);
    }
    if let Some(digest) = name.strip_prefix("hmac-") {
        let algorithm = match digest {
            "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "sha224" => hmac::HMAC_SHA224,
            "sha256" => hmac::HMAC_SHA256,
            "sha384" => hmac::HMAC_SHA384,
            "sha512" => hmac::HMAC_SHA512,
            other => return Err(unsupported(&format!("hmac with {other}"))),
        };
        return Ok(Hash::Hmac { algorithm, key: salt, hash });
    }
    if name == "scrypt" {
        return parse_scrypt(params, salt, hash);
    }
    let algorithm = digest_algorithm(name).ok_or_else(|| unsupported(name))?;
    let is_prefix = match params {
        "salt=prefix" => true,
        "salt=suffix" => false,
        _ => return Err("the salt is neither before nor after the password".to_owned()),
    };
    Ok(Hash::Digest { algorithm, is_prefix, salt, hash })
}

fn digest_algorithm(name: &str) -> Option<&'static digest::Algorithm> {
    Some(match name {
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        _ => return None,
    })
}

/// The error for an unsupported algorithm.
pub(super) fn unsupported(algorithm: &str) -> String {
    format!(
        "{} cannot be checked here (argon2, bcrypt, hmac, ldap, pbkdf2, scrypt, sha1, sha256 and sha512 \
         can); remove the hash, and the user sets a first password by a reset",
        crate::model::truncate(algorithm, 40)
    )
}

/// Returns the number of a named parameter.
fn find_parameter(params: &str, name: &str) -> Option<u64> {
    params.split(',').find_map(|it| it.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn parse_pbkdf2(digest: &str, params: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Hash, String> {
    let (algorithm, block) = match digest {
        "sha1" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        "sha256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        "sha384" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
        "sha512" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        other => return Err(unsupported(&format!("pbkdf2 with {other}"))),
    };
    let iterations = find_parameter(params, "i").and_then(|it| u32::try_from(it).ok());
    let Some(iterations) = iterations.and_then(std::num::NonZeroU32::new) else {
        return Err("the hash of pbkdf2 does not say how many iterations: i=…".to_owned());
    };
    if find_parameter(params, "l").is_some_and(|length| length != hash.len() as u64) {
        return Err("the hash of pbkdf2 is not as long as it says".to_owned());
    }
    let work = u64::from(iterations.get()) * hash.len().div_ceil(block) as u64;
    if work > PBKDF2 {
        return Err(format!(
            "the hash is too expensive: {PBKDF2} iterations times blocks of pbkdf2 can be checked here, and this \
             is {work}"
        ));
    }
    Ok(Hash::Pbkdf2 { algorithm, iterations, salt, hash })
}

fn parse_scrypt(params: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Hash, String> {
    let missing = "the hash of scrypt does not say its parameters: ln=…,r=…,p=…";
    let number =
        |name: &str| find_parameter(params, name).and_then(|it| u32::try_from(it).ok()).ok_or(missing);
    let (log_n, block, lanes) = (number("ln")?, number("r")?, number("p")?);
    let (memory, work) = SCRYPT;
    let blocks = 1_u64.checked_shl(log_n).filter(|_| log_n < 64).and_then(|n| n.checked_mul(block.into()));
    let is_cheap = blocks.is_some_and(|blocks| {
        blocks.checked_mul(128).is_some_and(|bytes| bytes <= memory)
            && blocks.checked_mul(lanes.into()).is_some_and(|all| all <= work)
    });
    if !is_cheap {
        return Err(format!(
            "the hash is too expensive: scrypt with up to {} MiB, and {work} for N times r times p, can be checked \
             here",
            memory >> 20
        ));
    }
    let log_n = u8::try_from(log_n).map_err(|_| missing.to_owned())?;
    let params = scrypt::Params::new(log_n, block, lanes)
        .map_err(|_| "the parameters of scrypt are out of its range".to_owned())?;
    Ok(Hash::Scrypt { params, salt, hash })
}
