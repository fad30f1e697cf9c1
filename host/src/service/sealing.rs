//! Sealed texts: encrypted and authenticated by a key derived from a secret. A browser or a mail
//! carries them; their bearer can neither read nor change them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::random::Random;

/// The length of the random salt of a text. Each text has a key of its own, so that no
/// nonce is used twice with one key.
const SALT: usize = 16;

/// The use of a sealed text. A text that was sealed for one use is not accepted for
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purpose(&'static str);

impl Purpose {
    /// A purpose with this label, which no other one has.
    pub(crate) const fn new(label: &'static str) -> Self {
        Self(label)
    }
}

/// Seals a value by a secret. `None` if the value is not JSON.
pub(crate) fn seal(
    secret: &hmac::Key,
    purpose: Purpose,
    value: &impl Serialize,
    random: &dyn Random,
) -> Option<String> {
    let mut salt = [0; SALT];
    random.fill(&mut salt);
    let mut text = serde_json::to_vec(value).ok()?;
    key(secret, purpose, &salt)?.seal_in_place_append_tag(nonce(), Aad::empty(), &mut text).ok()?;
    Some(URL_SAFE_NO_PAD.encode([&salt[..], &text].concat()))
}

/// Opens a sealed text by the secret that has sealed it. Returns the secret's number too.
pub(crate) fn open<T: DeserializeOwned>(
    secrets: &[hmac::Key],
    purpose: Purpose,
    text: &str,
) -> Option<(T, usize)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (salt, sealed) = bytes.split_at_checked(SALT)?;
    secrets.iter().enumerate().find_map(|(number, secret)| {
        let mut sealed = sealed.to_vec();
        let opened = key(secret, purpose, salt)?.open_in_place(nonce(), Aad::empty(), &mut sealed).ok()?;
        Some((serde_json::from_slice(opened).ok()?, number))
    })
}

/// Derives the key of one text. HMAC-SHA-256 is a pseudo-random function, as in the second
/// step of RFC 5869.
fn key(secret: &hmac::Key, purpose: Purpose, salt: &[u8]) -> Option<LessSafeKey> {
    let mut context = hmac::Context::with_key(secret);
    context.update(purpose.0.as_bytes());
    context.update(salt);
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, context.sign().as_ref()).ok()?))
}

/// Always the same nonce: the key is new for each text.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::{Purpose, open, seal};
    use crate::random::SeededRandom;

    const ONE: Purpose = Purpose::new("one v1");
    const OTHER: Purpose = Purpose::new("other v1");

    fn secret(text: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())
    }

    #[test]
    fn a_sealed_text_is_opened_by_its_secret_and_for_its_purpose() {
        let (new, old, random) = (secret("new"), secret("old"), SeededRandom::new(1));
        let sealed = seal(&old, ONE, &"ada@example.com", &random).unwrap();
        let opened = |secrets: &[hmac::Key], purpose| open::<String>(secrets, purpose, &sealed);
        let both = [new.clone(), old];
        assert_eq!(opened(&both, ONE), Some(("ada@example.com".to_owned(), 1)));
        assert_eq!(opened(&both, OTHER), None);
        assert_eq!(opened(&[new], ONE), None);
    }

    #[test]
    fn an_altered_text_is_not_opened_and_none_can_be_read() {
        let (secrets, random) = ([secret("s")], SeededRandom::new(1));
        let sealed = seal(&secrets[0], ONE, &"auth0|1", &random).unwrap();
        assert_ne!(sealed, seal(&secrets[0], ONE, &"auth0|1", &random).unwrap());
        assert_eq!(sealed.len(), (16 + 9 + 16usize).div_ceil(3) * 4 - 1);
        for (place, letter) in sealed.char_indices() {
            let mut altered = sealed.clone();
            let other = if letter == 'A' { "B" } else { "A" };
            altered.replace_range(place..=place, other);
            assert_eq!(open::<String>(&secrets, ONE, &altered), None, "{place}");
        }
        for text in ["", "A", "!", &sealed[..20], &format!("{sealed}A")] {
            assert_eq!(open::<String>(&secrets, ONE, text), None, "{text}");
        }
    }
}
