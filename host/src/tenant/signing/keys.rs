//! The keys that sign tokens, and their rotation.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::reading::read_secret_text;
use crate::tenant::store::state_dir::{StateDir, StateError};

const CURRENT: &str = "signing-key.pem";
const PREVIOUS: &str = "previous-signing-key.pem";
const LABEL: &str = "PRIVATE KEY";

/// The tenant's signing keys.
pub(crate) struct Keys {
    state: StateDir,
    active: ArcSwap<ActiveKeys>,
    /// Held during a rotation.
    rotating: Mutex<()>,
    /// Whether the key is the one of the configuration, which is not rotated.
    is_fixed: bool,
}

struct ActiveKeys {
    current: SigningKey,
    /// The previous key, whose tokens are valid until they expire.
    previous: Option<SigningKey>,
}

/// An RSA key of 2048 bits.
struct SigningKey {
    pem: String,
    kid: String,
    pair: KeyPair,
    verifying: DecodingKey,
    jwk: Value,
}

/// The reason why a key cannot be generated or read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file of the state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A key cannot be generated.
    #[error("no RSA key could be made")]
    CreationError,
    /// The key of the configuration cannot be used.
    #[error("signing_key {}: {why}", file.display())]
    FixedKey {
        /// The file.
        file: PathBuf,
        /// The reason, without anything of the file.
        why: String,
    },
    /// The key of the configuration is not rotated.
    #[error("the signing key is the one that `signing_key` of the configuration names, and is not rotated")]
    NotRotated,
}

impl Keys {
    /// Opens the keys in the state folder. The first start generates one.
    pub(crate) fn open(state: &StateDir) -> Result<Self, KeysError> {
        let current = match SigningKey::read_file(state, CURRENT)? {
            Some(key) => key,
            None => SigningKey::generate(state)?,
        };
        let previous = SigningKey::read_file(state, PREVIOUS)?;
        Ok(Self {
            state: state.clone(),
            active: ArcSwap::from_pointee(ActiveKeys { current, previous }),
            rotating: Mutex::new(()),
            is_fixed: false,
        })
    }

    /// Opens the key of the configuration, which is the only one.
    pub(crate) fn open_fixed(state: &StateDir, file: &Path) -> Result<Self, KeysError> {
        let failed = |why| KeysError::FixedKey { file: file.to_owned(), why };
        let pem = read_secret_text(file).map_err(failed)?;
        let current = SigningKey::parse_configured(&pem).map_err(failed)?;
        Ok(Self {
            state: state.clone(),
            active: ArcSwap::from_pointee(ActiveKeys { current, previous: None }),
            rotating: Mutex::new(()),
            is_fixed: true,
        })
    }

    /// Generates a new signing key. Tokens of the previous key stay valid; tokens of older keys do
    /// not. Returns the new key's ID.
    pub(crate) fn rotate(&self) -> Result<String, KeysError> {
        if self.is_fixed {
            return Err(KeysError::NotRotated);
        }
        let _one_at_a_time = self.rotating.lock().unwrap_or_else(PoisonError::into_inner);
        // The old key is stored before the new one replaces its file.
        let old = self.active.load_full();
        self.state.write(PREVIOUS, &old.current.pem)?;
        let current = SigningKey::generate(&self.state)?;
        let kid = current.kid.clone();
        let previous = SigningKey::read_file(&self.state, PREVIOUS)?;
        self.active.store(Arc::new(ActiveKeys { current, previous }));
        Ok(kid)
    }

    /// Signs a token with these claims.
    ///
    /// Implemented here because `jsonwebtoken` parses the key again for each signature, which takes
    /// 540 us instead of 220.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        let active = self.active.load();
        let SigningKey { kid, pair, .. } = &active.current;
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid });
        let part = |value: Vec<u8>| URL_SAFE_NO_PAD.encode(value);
        let header = part(header.to_string().into_bytes());
        let mut token = [header, part(serde_json::to_vec(claims).unwrap_or_default())].join(".");
        let mut signature = vec![0; pair.public_modulus_len()];
        // Fails only for a key that is too short or a buffer of another length.
        let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature);
        debug_assert!(signed.is_ok());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// Calls a function with the verifying key of this ID, if the tenant has it.
    pub(crate) fn with_key<T>(&self, kid: &str, what: impl FnOnce(&DecodingKey) -> T) -> Option<T> {
        let active = self.active.load();
        let key = active.iter().find(|key| key.kid == kid)?;
        Some(what(&key.verifying))
    }

    /// Returns whether the tenant has a key with this ID.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.active.load().iter().any(|key| key.kid == kid)
    }

    /// Returns the public keys, as a JWK set (RFC 7517).
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": self.active.load().iter().map(|key| key.jwk.clone()).collect::<Vec<_>>() })
    }
}

impl ActiveKeys {
    fn iter(&self) -> impl Iterator<Item = &SigningKey> {
        [&self.current].into_iter().chain(&self.previous)
    }
}

impl SigningKey {
    fn generate(state: &StateDir) -> Result<Self, KeysError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeysError::CreationError)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeysError::CreationError)?;
        let pem = pem::encode(&pem::Pem::new(LABEL, der.as_ref()));
        state.write(CURRENT, &pem)?;
        Self::parse(&pem).map_err(|why| state.unusable_file(CURRENT, why).into())
    }

    fn read_file(state: &StateDir, name: &str) -> Result<Option<Self>, StateError> {
        let Some(pem) = state.read(name)? else { return Ok(None) };
        Self::parse(&pem).map(Some).map_err(|why| state.unusable_file(name, why))
    }

    /// Parses a key that the operator has made.
    fn parse_configured(text: &str) -> Result<Self, String> {
        const CONVERT: &str = "`openssl pkcs8 -topk8 -nocrypt -in KEY -out key.pem` converts it";
        const MAKE: &str =
            "`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem` makes one";
        let refuse =
            |what: &str, hint: &str| Err(format!("{what}; expected an RSA key in PEM (PKCS #8): {hint}"));
        let Ok(parsed) = pem::parse(text) else { return refuse("this is not PEM", MAKE) };
        match parsed.tag() {
            LABEL => {}
            "RSA PRIVATE KEY" => return refuse("this RSA key is in PKCS #1", CONVERT),
            "ENCRYPTED PRIVATE KEY" => return refuse("this key is encrypted with a passphrase", CONVERT),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => return refuse("this is a public key", MAKE),
            "CERTIFICATE" => return refuse("this is a certificate", MAKE),
            _ => return refuse("this PEM holds no private key of RSA", MAKE),
        }
        let pair = KeyPair::from_pkcs8(parsed.contents()).map_err(|rejected| {
            match rejected.to_string().as_str() {
                "TooSmall" => format!("this RSA key has less than 2048 bits; {MAKE}"),
                "TooLarge" => format!("this RSA key is too large; {MAKE}"),
                _ => format!("this is not a valid RSA key; {MAKE}"),
            }
        })?;
        let bits = pair.public_modulus_len() * 8;
        if !(2048..=4096).contains(&bits) {
            return Err(format!("this RSA key has {bits} bits; expected 2048 to 4096 bits: {MAKE}"));
        }
        Self::parse(text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let unusable = "this is not an RSA key in PEM (PKCS #8); remove the file to have a new one made";
        let der = pem::parse(text).ok().filter(|pem| pem.tag() == LABEL).ok_or(unusable)?;
        let pair = KeyPair::from_pkcs8(der.contents()).map_err(|_| unusable)?;
        let public = pair.public_key();
        let (n, e) = (public.modulus(), public.exponent());
        let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
        let certificate = self_sign(der.contents()).ok_or(unusable)?;
        let kid = URL_SAFE_NO_PAD.encode(&Sha256::digest(n)[..16]);
        let jwk = json!({
            "alg": "RS256", "kty": "RSA", "use": "sig", "kid": kid,
            "n": URL_SAFE_NO_PAD.encode(n),
            "e": URL_SAFE_NO_PAD.encode(e),
            "x5c": [STANDARD.encode(&certificate)],
            "x5t#S256": URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
        });
        let verifying = DecodingKey::from_rsa_raw_components(n, e);
        Ok(Self { pem: text.to_owned(), kid, verifying, jwk, pair })
    }
}

/// Creates the self-signed certificate from which some clients read the key.
fn self_sign(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &rcgen::PKCS_RSA_SHA256).ok()?;
    let mut params = rcgen::CertificateParams::new([]).ok()?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "Ligature, local tenant");
    Some(params.self_signed(&key).ok()?.der().to_vec())
}

#[cfg(test)]
mod tests {
    use crate::tenant::signing::keys::Keys;
    use crate::tenant::store::state_dir::StateDir;

    #[test]
    fn a_key_is_kept_and_the_one_before_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let first = Keys::open(&state).unwrap().jwks();
        assert_eq!(first["keys"].as_array().unwrap().len(), 1);

        let keys = Keys::open(&state).unwrap();
        assert_eq!(keys.jwks()["keys"][0]["n"], first["keys"][0]["n"]);
        let kid = keys.rotate().unwrap();
        for keys in [keys, Keys::open(&state).unwrap()] {
            assert_eq!(keys.jwks()["keys"][0]["kid"], *kid);
            assert_eq!(keys.jwks()["keys"][1]["n"], first["keys"][0]["n"]);
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        state.write("signing-key.pem", "-----BEGIN NONSENSE-----").unwrap();
        let error = Keys::open(&state).err().unwrap().to_string();
        assert!(error.contains("signing-key.pem: this is not an RSA key"), "{error}");
    }
}
