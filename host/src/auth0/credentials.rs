//! The credentials of the tenant's applications.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use super::SetupError;
use crate::reading::read_secret_text;

const MANAGEMENT: Variables = Variables {
    id: "LIGATURE_AUTH0_CLIENT_ID",
    secret: "LIGATURE_AUTH0_CLIENT_SECRET",
    file: "LIGATURE_AUTH0_CREDENTIALS_FILE",
};
const CONFIRMATION: Variables = Variables {
    id: "LIGATURE_CONFIRM_CLIENT_ID",
    secret: "LIGATURE_CONFIRM_CLIENT_SECRET",
    file: "LIGATURE_CONFIRM_CREDENTIALS_FILE",
};

const CONSOLE: Variables = Variables {
    id: "LIGATURE_CONSOLE_CLIENT_ID",
    secret: "LIGATURE_CONSOLE_CLIENT_SECRET",
    file: "LIGATURE_CONSOLE_CREDENTIALS_FILE",
};

/// The environment variables of one application.
#[derive(Debug, Clone, Copy)]
struct Variables {
    id: &'static str,
    secret: &'static str,
    file: &'static str,
}

/// The id and the secret of an application: of the machine-to-machine application that
/// calls the Management API, or of the one by which users confirm an account. They come from
/// the environment or a file, never from the command line, which other users of the machine
/// can read.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    client_id: String,
    client_secret: String,
}

/// Hides the secret.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl ClientCredentials {
    /// The variables from which [`of_confirmation`](Self::of_confirmation) reads.
    #[cfg(feature = "hook")]
    pub const CONFIRMATION_VARIABLES: [&str; 3] = [CONFIRMATION.id, CONFIRMATION.secret, CONFIRMATION.file];

    /// Credentials of an embedder that keeps them elsewhere.
    #[must_use]
    pub fn new(client_id: &str, client_secret: &str) -> Self {
        Self { client_id: client_id.to_owned(), client_secret: client_secret.to_owned() }
    }

    /// Reads the credentials from `LIGATURE_AUTH0_CLIENT_ID` and
    /// `LIGATURE_AUTH0_CLIENT_SECRET`, or from the TOML file that
    /// `LIGATURE_AUTH0_CREDENTIALS_FILE` names, with `client_id` and `client_secret`.
    ///
    /// # Errors
    ///
    /// If neither or both are set, or if one of them cannot be used.
    pub fn from_environment() -> Result<Self, SetupError> {
        Self::from_variables(MANAGEMENT, |name| std::env::var_os(name))
    }

    /// Reads the credentials of the web application by which users confirm an account, from
    /// `LIGATURE_CONFIRM_CLIENT_ID` and `LIGATURE_CONFIRM_CLIENT_SECRET`, or from the TOML
    /// file that `LIGATURE_CONFIRM_CREDENTIALS_FILE` names.
    ///
    /// # Errors
    ///
    /// The same as for [`from_environment`](Self::from_environment).
    pub fn of_confirmation() -> Result<Self, SetupError> {
        Self::from_variables(CONFIRMATION, |name| std::env::var_os(name))
    }

    /// Reads the credentials of the application by which operators log in to the console, from
    /// `LIGATURE_CONSOLE_CLIENT_ID` and `LIGATURE_CONSOLE_CLIENT_SECRET`, or from the TOML file that
    /// `LIGATURE_CONSOLE_CREDENTIALS_FILE` names.
    ///
    /// # Errors
    ///
    /// The same as for [`from_environment`](Self::from_environment).
    pub fn of_console() -> Result<Self, SetupError> {
        Self::from_variables(CONSOLE, |name| std::env::var_os(name))
    }

    fn from_variables(
        variables: Variables,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, SetupError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let Variables { id: id_name, secret: secret_name, file: file_name } = variables;
        match (set(id_name), set(secret_name), set(file_name)) {
            (Some(id), Some(secret), None) => {
                Ok(Self { client_id: as_text(id_name, id)?, client_secret: as_text(secret_name, secret)? })
            }
            (None, None, Some(file)) => Self::from_file(Path::new(&file)),
            (None, None, None) => {
                Err(SetupError::NoCredentials { id: id_name, secret: secret_name, file: file_name })
            }
            (_, _, Some(_)) => Err(SetupError::Variable {
                name: file_name,
                why: "is set together with the variable of the client id or of the client secret; \
                      set the file or the two others",
            }),
            (None, Some(_), None) => Err(SetupError::Variable { name: id_name, why: "is missing" }),
            (Some(_), None, None) => Err(SetupError::Variable { name: secret_name, why: "is missing" }),
        }
    }

    /// Reads a TOML file with `client_id` and `client_secret`, which only its owner may
    /// read.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is readable by others, or has not these two keys.
    pub fn from_file(file: &Path) -> Result<Self, SetupError> {
        let name = || file.display().to_string();
        let refuse = |why: &str| SetupError::File { file: name(), why: why.to_owned() };
        let text = read_secret_text(file).map_err(|why| SetupError::File { file: name(), why })?;
        // Neither the error of the parser nor a value is shown: both may contain the secret.
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line =
                error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count());
            refuse(&format!("line {} is not valid TOML", line + 1))
        })?;
        if let Some(key) = table.keys().find(|key| !["client_id", "client_secret"].contains(&key.as_str())) {
            let key = crate::model::join_lines(key, 60);
            return Err(refuse(&format!("the key `{key}` is unknown; expected client_id and client_secret")));
        }
        let value = |key: &str| match table.get(key) {
            Some(toml::Value::String(value)) if is_usable(value) => Ok(value.clone()),
            Some(_) => Err(refuse(&format!("{key} is not a text without white space"))),
            None => Err(refuse(&format!("{key} is missing"))),
        };
        Ok(Self { client_id: value("client_id")?, client_secret: value("client_secret")? })
    }

    /// Returns the id of the application.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn client_secret(&self) -> &str {
        &self.client_secret
    }
}

fn is_usable(value: &str) -> bool {
    !value.is_empty() && !value.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn as_text(name: &'static str, value: OsString) -> Result<String, SetupError> {
    let value = value.into_string().ok().filter(|value| is_usable(value));
    value.ok_or(SetupError::Variable { name, why: "is not a text without white space" })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::{ClientCredentials, MANAGEMENT};

    const ID: &str = MANAGEMENT.id;
    const SECRET: &str = MANAGEMENT.secret;
    const FILE: &str = MANAGEMENT.file;

    fn from(variables: &[(&str, &str)]) -> Result<ClientCredentials, String> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        ClientCredentials::from_variables(MANAGEMENT, |name| {
            find(name).map(|(_, value)| OsString::from(value))
        })
        .map_err(|error| error.to_string())
    }

    /// A file that only its owner may read.
    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn from_text(text: &str) -> Result<ClientCredentials, String> {
        let file = file(text);
        ClientCredentials::from_file(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_has_both_values_or_the_file() {
        let both = from(&[(ID, "an-id"), (SECRET, "s3cret")]).unwrap();
        assert_eq!((both.client_id(), both.client_secret()), ("an-id", "s3cret"));
        let file = file("client_id = \"an-id\"\nclient_secret = \"s3cret\"\n");
        let path = file.path().to_str().unwrap();
        assert_eq!(from(&[(FILE, path)]).unwrap(), both);
        for (variables, expected) in [
            (vec![], "no credentials"),
            (vec![(ID, ""), (SECRET, "")], "no credentials"),
            (vec![(ID, "an-id")], "LIGATURE_AUTH0_CLIENT_SECRET is missing"),
            (vec![(SECRET, "s3cret")], "LIGATURE_AUTH0_CLIENT_ID is missing"),
            (vec![(SECRET, "s3cret"), (FILE, path)], "is set together with"),
            (vec![(ID, "an-id"), (SECRET, "s3cret\n")], "is not a text without white space"),
        ] {
            let error = from(&variables).unwrap_err();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn no_error_of_a_file_shows_the_secret() {
        for (text, expected) in [
            ("client_id = \"an-id\"\nclient_secret = s3cret\n", "line 2 is not valid TOML"),
            ("client_id = \"an-id\"\nclient_secret = 7357\n", "client_secret is not a text"),
            ("client_id = \"an-id\"\nclient_secret = \"\"\n", "client_secret is not a text"),
            ("client_id = \"an-id\"\n", "client_secret is missing"),
            ("client_id = \"an-id\"\nclientsecret = \"s3cret\"\n", "`clientsecret` is unknown"),
            (&"#".repeat(70_000), "longer than 64 KiB"),
        ] {
            let error = from_text(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("s3cret") && !error.contains("7357"), "{error}");
        }
        let missing = ClientCredentials::from_file("/nonexistent/file".as_ref()).unwrap_err();
        assert!(missing.to_string().starts_with("/nonexistent/file: there is no such file"), "{missing}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let file = file("client_id = \"an-id\"\nclient_secret = \"s3cret\"\n");
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = ClientCredentials::from_file(file.path()).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let shown = format!("{:?}", ClientCredentials::new("an-id", "s3cret"));
        assert!(shown.contains("an-id") && !shown.contains("s3cret"), "{shown}");
    }
}
