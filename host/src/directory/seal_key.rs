//! The key of the snapshots in the journal.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::reading::read_secret_text;

/// The length of a key's id in bytes.
pub(super) const ID: usize = 8;

/// A key for snapshots: 32 random bytes.
#[derive(Clone)]
pub struct SealKey {
    bytes: [u8; 32],
    id: [u8; ID],
}

/// The reason why a key file is refused.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, or other users may read it.
    #[error("{file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// The cause.
        why: String,
    },
    /// The file does not contain 64 hexadecimal digits.
    #[error("{file}: expected 64 hexadecimal digits; `openssl rand -hex 32 > {file}` makes a key")]
    NoKey {
        /// The file.
        file: String,
    },
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealKey({})", to_hexadecimal(&self.id))
    }
}

impl SealKey {
    /// Reads a key file: 64 hexadecimal digits, which only its owner may read.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is readable by others, or contains no key.
    pub fn read_file(file: &Path) -> Result<Self, KeyError> {
        let name = || file.display().to_string();
        let text = read_secret_text(file).map_err(|why| KeyError::Unreadable { file: name(), why })?;
        let bytes = from_hexadecimal(text.trim()).ok_or_else(|| KeyError::NoKey { file: name() })?;
        Ok(Self::from_bytes(&bytes))
    }

    /// Creates a key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let digest = Sha256::digest(bytes);
        let mut id = [0; ID];
        id.copy_from_slice(&digest[..ID]);
        Self { bytes: *bytes, id }
    }

    /// Returns the secret bytes.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Returns the id, which tells keys apart without revealing them.
    pub(super) fn id(&self) -> &[u8; ID] {
        &self.id
    }
}

/// Returns bytes in lower-case hexadecimal.
pub(super) fn to_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(bytes)
}
