//! The secrets of the Action, from files and the environment.

use std::path::PathBuf;

use super::Exit;
use crate::hook::{Secret, Secrets};

/// The environment variable with the current secret.
const SECRET: &str = "LIGATURE_HOOK_SECRET";
/// The environment variable with the secret before it.
const OLD_SECRET: &str = "LIGATURE_HOOK_OLD_SECRET";

/// Reads the secrets: those of the files, then those of the environment.
pub(super) fn read_secrets(files: &[PathBuf]) -> Result<Secrets, Exit> {
    Ok(Secrets::new(&collect_secrets(files)?)?)
}

/// Reads the secrets, if there is one.
#[cfg(feature = "serve")]
pub(super) fn read_secrets_if_any(files: &[PathBuf]) -> Result<Option<Secrets>, Exit> {
    let secrets = collect_secrets(files)?;
    if secrets.is_empty() { Ok(None) } else { Ok(Some(Secrets::new(&secrets)?)) }
}

fn collect_secrets(files: &[PathBuf]) -> Result<Vec<Secret>, Exit> {
    let files = files.iter().map(|file| Secret::read_file(file));
    let mut secrets = files.collect::<Result<Vec<_>, _>>()?;
    for name in [SECRET, OLD_SECRET] {
        if let Ok(value) = std::env::var(name) {
            secrets.push(Secret::of_variable(name, &value));
        }
    }
    Ok(secrets)
}
