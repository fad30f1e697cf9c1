//! The options of the operators' console of a hook.

use std::path::PathBuf;

use anyhow::anyhow;

use super::Exit;
use crate::ambient::Ambient;
use crate::auth0::ClientCredentials;
use crate::console::{ConsoleAccess, ConsoleError, OperatorSettings};
use crate::reading::describe_read_error;

/// The most bytes of the file of operators.
const FILE_BYTES: usize = 256 << 10;

/// The options of the operators' console.
#[derive(Debug, clap::Args)]
pub(super) struct ConsoleArgs {
    /// The URL of this service as operators' browsers see it, such as https://hook.example.com.
    /// With it, the operators' console is served at /console, after a login at --console-issuer
    #[arg(long, value_name = "URL", requires = "console_issuer")]
    console_url: Option<String>,
    /// The OpenID Connect issuer at which operators log in, such as https://accounts.google.com
    #[arg(long, value_name = "URL", requires = "console_url")]
    console_issuer: Option<String>,
    /// A person who may enter the console: the id at the issuer (`sub`), or an address that the
    /// issuer has verified. May be given several times
    #[arg(long, value_name = "SUB|ADDRESS", requires = "console_url")]
    console_operator: Vec<String>,
    /// A file of such persons, one a line; lines that begin with # are comments
    #[arg(long, value_name = "FILE", requires = "console_url")]
    console_operators: Option<PathBuf>,
}

impl ConsoleArgs {
    /// Returns who may enter the console that the options describe, if they do.
    pub(super) fn read_access(&self, ambient: &Ambient) -> Result<Option<ConsoleAccess>, Exit> {
        let (Some(public_url), Some(issuer)) = (&self.console_url, &self.console_issuer) else {
            return Ok(None);
        };
        let settings = OperatorSettings {
            public_url: public_url.clone(),
            issuer: issuer.clone(),
            operators: self.operators()?,
            credentials: ClientCredentials::of_console().map_err(Exit::unreadable)?,
        };
        ConsoleAccess::of_operators(settings, ambient).map(Some).map_err(Exit::unreadable)
    }

    /// Checks the options, and that the issuer accepts the application and its callback, which is
    /// returned.
    pub(super) fn check(&self, ambient: &Ambient) -> Result<Option<String>, Exit> {
        let access = self.read_access(ambient)?;
        let check = |access: ConsoleAccess| -> Result<Option<String>, ConsoleError> { access.check() };
        Ok(access.map(check).transpose().map_err(Exit::unreadable)?.flatten())
    }

    fn operators(&self) -> Result<Vec<String>, Exit> {
        let mut operators = self.console_operator.clone();
        if let Some(file) = &self.console_operators {
            let refuse = |why: &str| Exit::unreadable(anyhow!("{}: {why}", file.display()));
            let text = std::fs::read_to_string(file).map_err(|error| refuse(&describe_read_error(&error)))?;
            if text.len() > FILE_BYTES {
                return Err(refuse("it is longer than 256 KiB"));
            }
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            operators.extend(lines.map(str::to_owned));
        }
        Ok(operators)
    }
}
