//! Encryption of the snapshots in the journal.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use crate::ambient::Ambient;
use crate::directory::seal_key::{ID, SealKey, to_hexadecimal};

/// The first byte of a plain snapshot.
const PLAIN: u8 = 0;
/// The first byte of a snapshot that is encrypted with XChaCha20-Poly1305. It is followed by the
/// key's ID (8 bytes), the nonce (24) and the ciphertext with its tag. The entry's ID is
/// authenticated too, so that snapshots cannot be exchanged between entries.
const SEALED: u8 = 1;
const NONCE: usize = 24;

/// Seals and unseals snapshots. Without a key, snapshots are stored in plain text.
#[derive(Debug, Clone)]
pub(in crate::directory) struct Seal {
    pub(in crate::directory) key: Option<SealKey>,
    /// The source of nonces.
    pub(in crate::directory) ambient: Ambient,
}

/// An unsealed snapshot.
pub(super) enum Unsealed {
    /// The decrypted text.
    Text(Vec<u8>),
    /// The snapshot is encrypted with another key, which has this ID.
    OtherKey(String),
}

impl Seal {
    /// Seals the snapshot of an entry.
    pub(super) fn seal(&self, text: Vec<u8>, entry: &str) -> Result<Vec<u8>, String> {
        let Some(key) = &self.key else {
            let mut plain = text;
            plain.insert(0, PLAIN);
            return Ok(plain);
        };
        let mut nonce = XNonce::default();
        self.ambient.random().fill(&mut nonce);
        let sealed = cipher(key)
            .encrypt(&nonce, Payload { msg: &text, aad: entry.as_bytes() })
            .map_err(|_| "the snapshot could not be encrypted".to_owned())?;
        Ok([&[SEALED][..], key.id(), &nonce, &sealed].concat())
    }

    /// Unseals the snapshot of an entry.
    pub(super) fn unseal(&self, bytes: &[u8], entry: &str) -> Result<Unsealed, String> {
        let sealed = match bytes {
            [PLAIN, text @ ..] => return Ok(Unsealed::Text(text.to_vec())),
            [SEALED, sealed @ ..] if sealed.len() > ID + NONCE => sealed,
            _ => return Err("it has no known form".to_owned()),
        };
        let (id, sealed) = sealed.split_at(ID);
        let Some(key) = self.key.as_ref().filter(|key| key.id() == id) else {
            return Ok(Unsealed::OtherKey(to_hexadecimal(id)));
        };
        let (nonce, sealed) = sealed.split_at(NONCE);
        let nonce = XNonce::try_from(nonce).map_err(|_| "it is cut short".to_owned())?;
        cipher(key)
            .decrypt(&nonce, Payload { msg: sealed, aad: entry.as_bytes() })
            .map(Unsealed::Text)
            .map_err(|_| "it was tampered with, or belongs to another entry".to_owned())
    }
}

fn cipher(key: &SealKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key.bytes()))
}

#[cfg(test)]
mod tests {
    use super::{Seal, SealKey, Unsealed};
    use crate::ambient::Ambient;

    fn seal(byte: u8) -> Seal {
        Seal { key: Some(SealKey::from_bytes(&[byte; 32])), ..unsealed() }
    }

    fn unsealed() -> Seal {
        Seal { key: None, ambient: Ambient::system() }
    }

    #[test]
    fn no_nonce_is_drawn_twice() {
        let seal = seal(1);
        assert_ne!(seal.seal(b"secret".to_vec(), "entry"), seal.seal(b"secret".to_vec(), "entry"));
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_for_its_entry_only() {
        let sealed = seal(1).seal(b"secret".to_vec(), "entry").unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        assert!(matches!(seal(1).unseal(&sealed, "entry"), Ok(Unsealed::Text(text)) if text == b"secret"));
        assert!(matches!(seal(2).unseal(&sealed, "entry"), Ok(Unsealed::OtherKey(id)) if id.len() == 16));
        assert!(matches!(unsealed().unseal(&sealed, "entry"), Ok(Unsealed::OtherKey(_))));
        assert!(seal(1).unseal(&sealed, "other").is_err());
        for n in 9..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[n] ^= 1;
            assert!(seal(1).unseal(&tampered, "entry").is_err());
        }
    }

    #[test]
    fn what_was_not_sealed_opens_with_and_without_a_key() {
        let plain = unsealed().seal(b"text".to_vec(), "entry").unwrap();
        for seal in [unsealed(), seal(1)] {
            assert!(matches!(seal.unseal(&plain, "entry"), Ok(Unsealed::Text(text)) if text == b"text"));
        }
        assert!(seal(1).unseal(&[], "entry").is_err());
        assert!(seal(1).unseal(&[1, 2, 3], "entry").is_err());
    }
}
