//! The connections of a user that is read, and the ones that are assumed.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::user_fault::UserFault;
use crate::directory::connection_in_id;
use crate::model::{Identity, User, is_connection_name, truncate};

/// The default connection of database users: Auth0's own default.
pub(super) const DATABASE: &str = "Username-Password-Authentication";
/// The names that exports give to the connection of the first identity.
const CONNECTION: [&str; 2] = ["connection", "identities[0].connection"];

/// Removes and returns the connection that a user names.
pub(super) fn take_connection(fields: &mut Map<String, Value>) -> Result<Option<String>, UserFault> {
    let mut said: Option<String> = None;
    for key in CONNECTION {
        let name = match fields.remove(key) {
            None | Some(Value::Null) => continue,
            Some(Value::String(name)) if name.is_empty() => continue,
            Some(Value::String(name)) => name,
            Some(_) => return Err(format!("`{key}`: expected the name of a connection").into()),
        };
        if let Some(other) = said.replace(name.clone()).filter(|other| *other != name) {
            let [first, second] = CONNECTION;
            return Err(format!("`{first}` is `{other}`, and `{second}` is `{name}`: expected one").into());
        }
    }
    Ok(said)
}

/// Assigns the stated connection to an identity, or an assumed one.
pub(super) fn assign_connection(
    identity: &mut Identity,
    said: Option<String>,
    is_named: bool,
) -> Result<(), UserFault> {
    let named = connection_in_id(&identity.provider, &identity.user_id);
    if let (Some(said), Some(named)) = (&said, named)
        && said != named
    {
        let why = format!("its id names the connection `{named}`, but the line names `{said}`");
        return Err(why.into());
    }
    let usual = if identity.provider == "auth0" { DATABASE } else { named.unwrap_or(&identity.provider) };
    identity.connection_assumed = said.is_none();
    match said {
        Some(said) => identity.connection = said,
        None if is_named => {}
        None => identity.connection = usual.to_owned(),
    }
    Ok(())
}

/// Refuses names of providers and connections that Auth0 does not allow.
pub(super) fn check_names(user: &User) -> Result<(), UserFault> {
    for Identity { provider, connection, .. } in &user.identities {
        let is_provider =
            is_connection_name(provider) && !provider.contains(|it: char| it.is_ascii_uppercase());
        if !is_provider {
            let provider = truncate(provider, 40);
            return Err(format!(
                "`{provider}` is not a provider; expected a name such as `auth0` or `google-oauth2`"
            )
            .into());
        }
        if !is_connection_name(connection) {
            let connection = truncate(connection, 40);
            return Err(format!(
                "`{connection}` is not the name of a connection; expected letters, digits and - between them"
            )
            .into());
        }
    }
    Ok(())
}

/// The optional fields of a line. A user object does not show whether they were absent.
#[derive(Default, Deserialize)]
pub(super) struct OptionalFields {
    pub(super) blocked: Option<IgnoredAny>,
    identities: Option<Vec<NamedConnection>>,
}

#[derive(Deserialize)]
struct NamedConnection {
    connection: Option<String>,
}

impl OptionalFields {
    /// Reads the optional fields of a user's line. The line is parsed again only if the user
    /// object leaves them open.
    pub(super) fn from_line(user: &User, json: &str) -> Self {
        let is_open = |it: &Identity| it.connection.is_empty() || it.connection == it.provider;
        if !json.contains("\"blocked\"") && !user.identities.iter().any(is_open) {
            return Self::default();
        }
        serde_json::from_str(json).unwrap_or_default()
    }

    /// Returns whether an identity of the line names its connection.
    pub(super) fn names_connection(&self, identity: usize) -> bool {
        match self.identities.as_deref().map(|them| them.get(identity)) {
            // The line was not parsed again: each identity names one.
            None => true,
            Some(held) => held.is_some_and(|it| it.connection.as_ref().is_some_and(|name| !name.is_empty())),
        }
    }
}
