//! Password hashes in Auth0's import format.
//!
//! Source: Auth0, "Bulk User Import Database Schema and Examples".

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value};

use super::hash::{Hash, unsupported};

/// The fields of a user that contain a hash.
const FIELDS: [&str; 2] = ["password_hash", "custom_password_hash"];

/// Removes the hash from a user of the import format, and returns it in its stored form.
/// None if there is none.
///
/// # Errors
///
/// The field, and the reason why passwords cannot be verified against it. The hash itself
/// is not repeated.
pub(crate) fn take_hash(fields: &mut Map<String, Value>) -> Result<Option<String>, (&'static str, String)> {
    let [plain, custom] = FIELDS;
    let held = |value: Option<Value>| value.filter(|value| !value.is_null());
    let (bcrypt, other) = (held(fields.remove(plain)), held(fields.remove(custom)));
    if bcrypt.is_some() && other.is_some() {
        return Err((custom, "the user has a `password_hash` as well; expected one of them".to_owned()));
    }
    if let Some(bcrypt) = bcrypt {
        let text = match bcrypt.as_str() {
            Some(text) if text.starts_with("$2") => text.to_owned(),
            _ => return Err((plain, "expected a hash of bcrypt, $2a$… or $2b$…".to_owned())),
        };
        return require_valid(text).map(Some).map_err(|why| (plain, why));
    }
    let Some(custom_hash) = other else { return Ok(None) };
    convert_custom(&custom_hash).and_then(require_valid).map(Some).map_err(|why| (custom, why))
}

/// Checks that a stored hash can be verified.
fn require_valid(text: String) -> Result<String, String> {
    Hash::parse(&text).map(|_| text)
}

/// Converts a `custom_password_hash` to its stored form.
fn convert_custom(custom: &Value) -> Result<String, String> {
    let expected = || "expected an object with `algorithm` and `hash`".to_owned();
    let custom = custom.as_object().ok_or_else(expected)?;
    let algorithm = custom.get("algorithm").and_then(Value::as_str).ok_or_else(expected)?;
    let hash = custom.get("hash").and_then(Value::as_object).ok_or_else(expected)?;
    let known = ["algorithm", "hash", "salt", "password", "keylen", "cost", "blockSize", "parallelization"];
    if let Some(other) = custom.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("`{}` is not one of its fields", crate::model::truncate(other, 40)));
    }
    let encoding = custom.get("password").and_then(|it| it.get("encoding")).and_then(Value::as_str);
    if encoding.is_some_and(|encoding| !matches!(encoding, "utf8" | "ascii")) {
        return Err("passwords are checked in UTF-8 only, not in another `password.encoding`".to_owned());
    }
    let salted = || Salt::parse(custom.get("salt"));
    match algorithm {
        // These hashes contain their salt and their parameters.
        "argon2" | "bcrypt" | "pbkdf2" => {
            let salt = salted()?;
            if !salt.bytes.is_empty() {
                return Err(format!("a hash of {algorithm} contains its salt; remove `salt`"));
            }
            let text = String::from_utf8(decode_value(hash, "utf8")?).map_err(|_| expected())?;
            let prefixes: &[&str] = match algorithm {
                "argon2" => &["$argon2"],
                "bcrypt" => &["$2"],
                _ => &["$pbkdf2-"],
            };
            match prefixes.iter().any(|prefix| text.starts_with(prefix)) {
                true => Ok(text),
                false => Err(format!(
                    "this is not a hash of {algorithm}; expected one beginning with {}…",
                    prefixes[0]
                )),
            }
        }
        "scrypt" => convert_scrypt(custom, hash, &salted()?),
        "sha1" | "sha256" | "sha512" => {
            let salt = salted()?;
            let place = if salt.is_prefix { "prefix" } else { "suffix" };
            let digest = check_digest(algorithm, decode_value(hash, "hex")?)?;
            Ok(format_hash(algorithm, &format!("salt={place}"), &salt.bytes, &digest))
        }
        "hmac" => {
            if !salted()?.bytes.is_empty() {
                return Err("hmac with a salt cannot be checked here".to_owned());
            }
            let digest = hash.get("digest").and_then(Value::as_str).ok_or("`hash.digest` is missing")?;
            let key = hash.get("key").and_then(Value::as_object).ok_or("`hash.key` is missing")?;
            let code = check_digest(digest, decode_value(hash, "hex")?)?;
            Ok(format_hash(&format!("hmac-{digest}"), "", &decode_value(key, "utf8")?, &code))
        }
        "ldap" => convert_ldap(hash),
        other => Err(unsupported(other)),
    }
}

/// Checks that a digest has the length of its algorithm.
fn check_digest(algorithm: &str, digest: Vec<u8>) -> Result<Vec<u8>, String> {
    let length = match algorithm {
        "sha1" => 20,
        "sha256" => 32,
        "sha384" => 48,
        "sha512" => 64,
        // The parser of the stored form refuses it.
        _ => return Ok(digest),
    };
    if digest.len() == length {
        return Ok(digest);
    }
    Err(format!("a hash of {algorithm} has {length} bytes, and this one has {}", digest.len()))
}

/// The salt of a hash.
struct Salt {
    bytes: Vec<u8>,
    is_prefix: bool,
}

impl Salt {
    /// Parses the `salt` of a hash.
    fn parse(salt: Option<&Value>) -> Result<Self, String> {
        let Some(salt) = salt.filter(|it| !it.is_null()) else {
            return Ok(Self { bytes: Vec::new(), is_prefix: true });
        };
        let salt = salt.as_object().ok_or("`salt` is not an object")?;
        let is_prefix = match salt.get("position").and_then(Value::as_str) {
            None | Some("prefix") => true,
            Some("suffix") => false,
            Some(_) => return Err("`salt.position` is neither `prefix` nor `suffix`".to_owned()),
        };
        Ok(Self { bytes: decode_value(salt, "utf8")?, is_prefix })
    }
}

/// Decodes the `value` of an object from its `encoding`.
fn decode_value(held: &Map<String, Value>, usual: &str) -> Result<Vec<u8>, String> {
    let value = held.get("value").and_then(Value::as_str).ok_or("a `value` is missing, or is not text")?;
    let encoding = match held.get("encoding").filter(|it| !it.is_null()) {
        None => usual,
        Some(encoding) => encoding.as_str().unwrap_or_default(),
    };
    let bad = || format!("a `value` is not in its encoding, {encoding}");
    match encoding {
        "utf8" => Ok(value.as_bytes().to_vec()),
        "base64" => STANDARD_NO_PAD.decode(value.trim_end_matches('=')).map_err(|_| bad()),
        "hex" => {
            let digits = value.as_bytes();
            if digits.len() % 2 != 0 || !digits.iter().all(u8::is_ascii_hexdigit) {
                return Err(bad());
            }
            let pair =
                |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|it| u8::from_str_radix(it, 16).ok());
            digits.chunks(2).map(pair).collect::<Option<_>>().ok_or_else(bad)
        }
        _ => Err("an `encoding` is none of base64, hex and utf8".to_owned()),
    }
}

/// Formats the stored form of a hash.
fn format_hash(name: &str, params: &str, salt: &[u8], hash: &[u8]) -> String {
    format!("${name}${params}${}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash))
}

/// Converts a hash of scrypt.
fn convert_scrypt(
    custom: &Map<String, Value>,
    hash: &Map<String, Value>,
    salt: &Salt,
) -> Result<String, String> {
    let number = |name: &str, usual: u64| match custom.get(name).filter(|it| !it.is_null()) {
        None => Ok(usual),
        Some(value) => value.as_u64().ok_or_else(|| format!("`{name}` is not a whole number")),
    };
    // The defaults are those of Node's `crypto.scrypt`, which Auth0 uses.
    let (cost, block, lanes) =
        (number("cost", 16_384)?, number("blockSize", 8)?, number("parallelization", 1)?);
    if !cost.is_power_of_two() {
        return Err("`cost` is not a power of two".to_owned());
    }
    let output = decode_value(hash, "hex")?;
    if number("keylen", output.len() as u64)? != output.len() as u64 {
        return Err("the hash is not as long as `keylen` says".to_owned());
    }
    let params = format!("ln={},r={block},p={lanes}", cost.trailing_zeros());
    Ok(format_hash("scrypt", &params, &salt.bytes, &output))
}

/// Converts a hash of LDAP: the digest, followed by the salt.
///
/// Source: RFC 2307 and OpenLDAP.
fn convert_ldap(hash: &Map<String, Value>) -> Result<String, String> {
    let text =
        String::from_utf8(decode_value(hash, "utf8")?).map_err(|_| "the hash is not text".to_owned())?;
    let (scheme, encoded) =
        text.strip_prefix('{').and_then(|rest| rest.split_once('}')).ok_or("expected {SCHEME} and a hash")?;
    let (name, length) = match scheme.to_ascii_uppercase().as_str() {
        "SHA" | "SSHA" => ("sha1", 20),
        "SHA256" | "SSHA256" => ("sha256", 32),
        "SHA512" | "SSHA512" => ("sha512", 64),
        other => return Err(unsupported(&format!("ldap's {other}"))),
    };
    let both = STANDARD.decode(encoded).map_err(|_| "the hash is not Base64".to_owned())?;
    let (hash, salt) = both.split_at_checked(length).ok_or("the hash is cut short")?;
    Ok(format_hash(name, "salt=suffix", salt, hash))
}
