//! The secrets that the Action and this service share.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hmac;

use crate::reading::read_secret_file;

/// The minimum length of a secret, in bytes.
///
/// Source: RFC 2104, section 3: a key shorter than the hash's output is discouraged.
const LEAST: usize = 32;

/// The maximum number of secrets: the current one and the one before it.
const MOST: usize = 2;

/// One secret, and the place that it came from.
pub struct Secret {
    origin: String,
    bytes: Vec<u8>,
}

/// The origin only.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// The reason why the secrets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No secret is named.
    #[error(
        "there is no secret; name its file with --secret-file, or set LIGATURE_HOOK_SECRET; \
         `openssl rand -hex 32` prints one"
    )]
    Missing,
    /// A file cannot be read.
    #[error("the secret file {file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// The reason.
        why: String,
    },
    /// A secret is too short.
    #[error(
        "the secret of {origin} has {bytes} bytes; expected at least {LEAST}: `openssl rand -hex 32` prints one"
    )]
    TooShort {
        /// The file or the variable.
        origin: String,
        /// The length of the secret.
        bytes: usize,
    },
    /// A secret is no line of text, which the Action's could not equal.
    #[error("the secret of {origin} {fault}")]
    NoText {
        /// The file or the variable.
        origin: String,
        /// The fault.
        fault: &'static str,
    },
    /// There are more than two secrets.
    #[error("there are {0} secrets; at most {MOST} are accepted: the current one and the one before it")]
    TooMany(usize),
    /// Two secrets are the same.
    #[error("the secrets of {0} and {1} are the same; leave one out")]
    Same(String, String),
}

impl Secret {
    /// Reads a secret from a file that only its owner may read. White space around it does not
    /// count.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or if other users may read it.
    pub fn read_file(file: &Path) -> Result<Self, SecretError> {
        let origin = file.display().to_string();
        match read_secret_file(file) {
            Ok(bytes) => {
                let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
                Ok(Self { origin, bytes: text.trim_ascii().to_vec() })
            }
            Err(why) => Err(SecretError::Unreadable { file: origin, why }),
        }
    }

    /// A secret from an environment variable.
    #[must_use]
    pub fn of_variable(name: &str, value: &str) -> Self {
        Self { origin: name.to_owned(), bytes: value.trim_ascii().as_bytes().to_vec() }
    }

    /// Returns the reason why the Action could not have this secret, or why it protects nothing.
    fn find_fault(&self) -> Option<&'static str> {
        let text = std::str::from_utf8(&self.bytes).ok();
        match text {
            Some(text) if text.contains(['\n', '\r']) => Some(
                "has several lines; a file holds one secret, and a second one is named by a second --secret-file",
            ),
            Some(text) if text.contains(char::is_control) => Some(
                "holds control characters, which the Action's secret cannot have; `openssl rand -hex 32` prints one",
            ),
            Some(_) if self.bytes.iter().all(|byte| *byte == self.bytes[0]) => {
                Some("is one character, repeated; `openssl rand -hex 32` prints one that nobody guesses")
            }
            Some(_) => None,
            None => Some("is not text in UTF-8, as the Action's is; `openssl rand -hex 32` prints one"),
        }
    }
}

/// The secrets whose signatures are accepted, the current one first.
pub struct Secrets(Vec<hmac::Key>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Checks the secrets.
    ///
    /// # Errors
    ///
    /// If there is none, if there are more than two, or if one of them is too short, or no line
    /// of text.
    pub fn new(secrets: &[Secret]) -> Result<Self, SecretError> {
        if secrets.is_empty() {
            return Err(SecretError::Missing);
        }
        if secrets.len() > MOST {
            return Err(SecretError::TooMany(secrets.len()));
        }
        if let Some(Secret { origin, bytes }) = secrets.iter().find(|it| it.bytes.len() < LEAST) {
            return Err(SecretError::TooShort { origin: origin.clone(), bytes: bytes.len() });
        }
        if let Some((origin, fault)) = secrets.iter().find_map(|it| Some((&it.origin, it.find_fault()?))) {
            return Err(SecretError::NoText { origin: origin.clone(), fault });
        }
        if let [first, second] = secrets
            && first.bytes == second.bytes
        {
            return Err(SecretError::Same(first.origin.clone(), second.origin.clone()));
        }
        let key = |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, &secret.bytes);
        Ok(Self(secrets.iter().map(key).collect()))
    }

    /// Returns the keys, the current one first.
    pub(super) fn keys(&self) -> &[hmac::Key] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, Secrets};

    fn refusal(secrets: &[&str]) -> String {
        let secrets: Vec<Secret> = secrets.iter().map(|it| Secret::of_variable("VARIABLE", it)).collect();
        Secrets::new(&secrets).unwrap_err().to_string()
    }

    #[test]
    fn a_secret_has_32_bytes_at_least() {
        let short = format!(" {}\n", "x".repeat(31));
        assert!(refusal(&[&short]).starts_with("the secret of VARIABLE has 31 bytes; expected at least 32"));
        assert!(Secrets::new(&[Secret::of_variable("VARIABLE", &"xy".repeat(16))]).is_ok());
    }

    #[test]
    fn a_secret_is_one_line_of_text() {
        let two_lines = format!("{}\n{}", "xy".repeat(16), "yz".repeat(16));
        for (text, fault) in [
            ("\0".repeat(40), "holds control characters"),
            ("a\u{1b}[2J".repeat(10), "holds control characters"),
            ("x".repeat(40), "is one character, repeated"),
            (two_lines.clone(), "has several lines"),
            (two_lines.replace('\n', "\r"), "has several lines"),
        ] {
            let refused = refusal(&[&text]);
            assert!(refused.starts_with(&format!("the secret of VARIABLE {fault}")), "{refused}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let write = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        };
        write(&[0xf5; 40]);
        let refused = Secrets::new(&[Secret::read_file(&file).unwrap()]).unwrap_err().to_string();
        assert!(refused.contains("is not text in UTF-8"), "{refused}");
        // An editor of Windows may begin a text with a mark.
        write(format!("\u{feff}{}\r\n", "xy".repeat(16)).as_bytes());
        assert_eq!(Secret::read_file(&file).unwrap().bytes, "xy".repeat(16).into_bytes());
    }

    #[test]
    fn two_different_secrets_are_accepted_at_most() {
        let [first, second, third] = ["ax", "bx", "cx"].map(|it| it.repeat(16));
        assert!(refusal(&[&first, &second, &third]).starts_with("there are 3 secrets; at most 2"));
        assert!(refusal(&[&first, &first]).ends_with("are the same; leave one out"));
        assert!(refusal(&[]).starts_with("there is no secret; name its file with --secret-file"));
    }

    #[test]
    fn no_secret_is_printed() {
        let secret = Secret::of_variable("VARIABLE", &"hunter2".repeat(8));
        let printed =
            format!("{secret:?} {:?}", Secrets::new(&[Secret::of_variable("V", &"hunter2".repeat(8))]));
        assert!(!printed.contains("hunter2") && !printed.contains("104, 117"), "{printed}");
    }
}
