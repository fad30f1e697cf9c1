//! A user as a file holds it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::foreign::{self, Fields};
use super::rejects::Form;
use crate::directory::{UserWithPassword, connection_in_id};
use crate::model::{Identity, Timestamp, User, cut, is_connection_name};
use crate::password_hash;
use crate::reading::{InputError, in_plain_words, read_json};

/// The connection of database users that name none: Auth0's own default.
const DATABASE: &str = "Username-Password-Authentication";

/// What of a user is not imported, with the reason.
const LEFT_OUT: [(&str, &str); 6] = [
    (COUNT, "it is no whole number; the user is there without it"),
    ("password", "a password in clear is not imported; `password_hash` and `custom_password_hash` are"),
    ("mfa_factors", "of MFA enrolments only the kind is kept, in `multifactor`, not the secret"),
    ("created_at", NO_TIME),
    ("updated_at", NO_TIME),
    ("last_login", NO_TIME),
];
const COUNT: &str = "logins_count";
const NO_TIME: &str = "it is no time such as 2026-11-21T10:00:00Z; the user is there without it";
/// Fields that a user can do without.
const DATES: [&str; 3] = ["created_at", "updated_at", "last_login"];
/// Names under which exports have the connection of the first identity.
const CONNECTION: [&str; 2] = ["connection", "identities[0].connection"];
/// Fields that exported users have and the import format does not.
const EXPORTED: [&str; 3] = ["last_login", "logins_count", "last_ip"];

/// Why this field is left out of users.
pub(super) fn why_left_out(field: &str) -> &'static str {
    LEFT_OUT.iter().find(|(left_out, _)| *left_out == field).map_or("", |(_, why)| why)
}

/// The reason why a user cannot be read.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) why: String,
    /// Line and column within the user.
    pub(super) at: Option<(usize, usize)>,
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self { why, at: None }
    }
}

impl From<InputError> for Fault {
    fn from(error: InputError) -> Self {
        Self { why: error.message, at: error.place }
    }
}

/// A user that was read.
#[derive(Debug)]
pub(super) struct ReadUser {
    pub(super) user: UserWithPassword,
    /// What the id was made of, if the file has none.
    pub(super) id_made_of: Option<String>,
}

/// How the users of a file are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The format of the file's first user.
    pub(super) form: Form,
    /// The connection of users that name none.
    pub(super) connection: Option<&'a str>,
}

/// The format that this user is in; none if it is no user at all.
pub(super) fn form_of(json: &str) -> Option<Form> {
    let fields: Fields<'_> = serde_json::from_str(json).ok()?;
    let held = |key: &str| fields.get(key).map(|it| it.get()).filter(|it| *it != "null");
    let has_provider = held("user_id").is_some_and(|id| id.starts_with('"') && id.contains('|'));
    let is_exported = has_provider || held("identities").is_some_and(|it| it != "[]");
    let is_like_exported = EXPORTED.iter().any(|key| fields.contains_key(*key));
    Some(if is_exported || is_like_exported { Form::Export } else { Form::Import })
}

/// The reason why this is a user of another product, if it is one.
pub(super) fn why_foreign(json: &str) -> Option<String> {
    foreign::user(&serde_json::from_str::<Fields<'_>>(json).ok()?)
}

impl Reader<'_> {
    /// Reads one user. `left_out` is told what of it is not imported.
    pub(super) fn read(&self, json: &str, mut left_out: impl FnMut(&'static str)) -> Result<ReadUser, Fault> {
        let mut read = match serde_json::from_str::<User>(json) {
            Ok(user) if is_exported(&user) => self.exported(user, json)?,
            _ => self.read_closely(json, &mut left_out)?,
        };
        let user = &mut read.user.user;
        let factors = factors(user);
        for secret in ["password", "mfa_factors"] {
            if user.rest.remove(secret).is_some() {
                left_out(secret);
            }
        }
        if !factors.is_empty() && !user.rest.contains_key("multifactor") {
            user.rest.insert("multifactor".to_owned(), json!(factors));
        }
        Ok(read)
    }

    /// Reads a user of the import format, or one with something wrong.
    fn read_closely(&self, json: &str, left_out: &mut dyn FnMut(&'static str)) -> Result<ReadUser, Fault> {
        if !json.starts_with('{') && serde_json::from_str::<IgnoredAny>(json).is_ok() {
            return Err("this is no user object".to_owned().into());
        }
        let mut fields: Map<String, Value> = in_place(json)?;
        if let Some(why) = why_foreign(json) {
            return Err(why.into());
        }
        let mut is_odd = false;
        for date in DATES {
            let held = fields.get(date).filter(|held| !held.is_null());
            if held.is_some_and(|held| serde_json::from_value::<Timestamp>(held.clone()).is_err()) {
                fields.remove(date);
                left_out(date);
                is_odd = true;
            }
        }
        if let Some(held) = fields.get_mut(COUNT).filter(|held| !held.is_null() && held.as_u64().is_none()) {
            is_odd = true;
            match whole_number(held) {
                Some(count) => *held = count.into(),
                None => {
                    fields.remove(COUNT);
                    left_out(COUNT);
                }
            }
        }
        let has_provider = matches!(fields.get("user_id"), Some(Value::String(id)) if id.contains('|'));
        if has_provider || fields.get("identities").is_some_and(|it| !it.is_null() && *it != json!([])) {
            let user = if is_odd { of_fields(fields)? } else { in_place(json)? };
            return self.exported(user, json);
        }
        let why = match (self.form, fields.get("user_id").filter(|it| !it.is_null())) {
            (Form::Import, _) => return self.imported(fields, json),
            (Form::Export, None) => "`user_id` is missing; an export has to be asked for it",
            (Form::Export, Some(_)) => {
                "`user_id`: expected `provider|id`, as exported users have it, such as `auth0|1`"
            }
        };
        Err(why.to_owned().into())
    }

    fn exported(&self, mut user: User, json: &str) -> Result<ReadUser, Fault> {
        let said = said_connection(&mut user.rest)?;
        let sparse = Sparse::of(&user, json);
        let is_made = user.identities.is_empty();
        if is_made {
            user = user.with_own_identity("");
        }
        let own = user.identities.iter().position(|it| it.as_user_id() == user.user_id).unwrap_or(0);
        for (n, identity) in user.identities.iter_mut().enumerate() {
            let is_named = !is_made && sparse.names_connection(n);
            if is_named && !identity.connection_assumed {
                continue;
            }
            let said = if n == own { self.agreed(said.clone())? } else { None };
            connect(identity, said, is_named)?;
        }
        if let (Some(said), Some(own)) = (said, user.identities.get(own))
            && own.connection != said
        {
            let why = format!("`connection`: it is `{said}`, and that of its identity `{}`", own.connection);
            return Err(why.into());
        }
        why_no_name(&user)?;
        let password = password_hash::take(&mut user.rest).map_err(of_hash)?;
        let is_block_said = user.blocked || sparse.blocked.is_some();
        let user = UserWithPassword { user, password, is_block_said };
        Ok(ReadUser { user, id_made_of: None })
    }

    /// Source: Auth0, "Bulk User Import Database Schema and Examples": the id is
    /// made the part behind `auth0|`; without one, Auth0 makes one up.
    fn imported(&self, mut fields: Map<String, Value>, json: &str) -> Result<ReadUser, Fault> {
        let said = self.agreed(said_connection(&mut fields)?)?;
        let connection = said.as_deref().unwrap_or(DATABASE);
        let mut id_made_of = None;
        let id = match fields.get("user_id") {
            Some(Value::String(id)) if !id.is_empty() => format!("auth0|{id}"),
            Some(Value::Number(id)) => format!("auth0|{id}"),
            None | Some(Value::Null) => {
                let key = telling(&fields).ok_or_else(|| {
                    Fault::from(
                        "it has neither `user_id` nor `email`, `username` or `phone_number`".to_owned(),
                    )
                })?;
                id_made_of = Some(key.to_owned());
                format!("auth0|{}", made_up(connection, key))
            }
            Some(Value::String(_)) => return Err("`user_id` is empty".to_owned().into()),
            Some(_) => return Err("`user_id` is neither a text nor a number".to_owned().into()),
        };
        fields.insert("user_id".to_owned(), Value::from(id));
        // Auth0 keeps the addresses of its databases in lower case.
        if let Some(Value::String(email)) = fields.get_mut("email") {
            *email = email.to_ascii_lowercase();
        }
        let password = password_hash::take(&mut fields).map_err(of_hash)?;
        // Its place is that of the field as it stands.
        let is_block_said = fields.get("blocked").is_some_and(|it| !it.is_null());
        let user = of_fields(fields).map_err(|fault| in_place::<Typed>(json).err().unwrap_or(fault))?;
        let mut user = user.with_own_identity(connection);
        user.identities.iter_mut().for_each(|own| own.connection_assumed = said.is_none());
        why_no_name(&user)?;
        Ok(ReadUser { user: UserWithPassword { user, password, is_block_said }, id_made_of })
    }

    /// The connection that the line says or, for such as say none, the one that was
    /// given for the file.
    fn agreed(&self, said: Option<String>) -> Result<Option<String>, Fault> {
        match (said, self.connection) {
            (Some(said), Some(given)) if said != given => {
                let why = format!("`connection`: it is `{said}`, and the import is into `{given}`");
                Err(why.into())
            }
            (said, given) => Ok(said.or_else(|| given.map(str::to_owned))),
        }
    }
}

/// A whole number that is written in another way: `100.0`, `1e2`, `"3"`.
fn whole_number(value: &Value) -> Option<u64> {
    let text = match value {
        Value::String(text) => text.trim(),
        other => return whole(other.as_f64()?),
    };
    text.parse().ok().or_else(|| whole(text.parse().ok()?))
}

fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
    // In this form a whole number has neither a point nor an exponent.
    is_whole.then(|| format!("{number:.0}").parse().ok())?
}

fn is_exported(user: &User) -> bool {
    user.user_id.contains('|') || !user.identities.is_empty()
}

/// The fields of the import format that have a type here.
#[derive(Deserialize)]
#[allow(dead_code, reason = "only read, for the place of an error")]
struct Typed {
    email: Option<String>,
    logins_count: Option<u64>,
    blocked: Option<bool>,
    user_metadata: Option<Map<String, Value>>,
    app_metadata: Option<Map<String, Value>>,
    roles: Option<Vec<String>>,
    organizations: Option<Vec<String>>,
}

/// Reads a text, with the place of an error in it.
fn in_place<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Fault> {
    Ok(read_json("".as_ref(), json)?)
}

fn of_fields(fields: Map<String, Value>) -> Result<User, Fault> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let why = in_plain_words(&error.into_inner().to_string());
        if path == "." { why } else { format!("`{path}`: {why}") }.into()
    })
}

fn of_hash((field, why): (&str, String)) -> Fault {
    format!("`{field}`: {why}").into()
}

/// What a line says, where a user object does not tell that it says nothing.
#[derive(Default, Deserialize)]
struct Sparse {
    blocked: Option<IgnoredAny>,
    identities: Option<Vec<SparseIdentity>>,
}

#[derive(Deserialize)]
struct SparseIdentity {
    connection: Option<String>,
}

impl Sparse {
    /// What the line of this user says. It is read once more only where the user
    /// leaves that open.
    fn of(user: &User, json: &str) -> Self {
        let is_open = |it: &Identity| it.connection.is_empty() || it.connection == it.provider;
        if !json.contains("\"blocked\"") && !user.identities.iter().any(is_open) {
            return Self::default();
        }
        serde_json::from_str(json).unwrap_or_default()
    }

    fn names_connection(&self, identity: usize) -> bool {
        match self.identities.as_deref().map(|them| them.get(identity)) {
            // The line was not read: each names one.
            None => true,
            Some(held) => held.is_some_and(|it| it.connection.as_ref().is_some_and(|name| !name.is_empty())),
        }
    }
}

/// Gives an identity the connection that is said of it, or an assumed one.
fn connect(identity: &mut Identity, said: Option<String>, is_named: bool) -> Result<(), Fault> {
    let named = connection_in_id(&identity.provider, &identity.user_id);
    if let (Some(said), Some(named)) = (&said, named)
        && said != named
    {
        let why = format!("its id names the connection `{named}`, and `{said}` is said of it");
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

/// Refuses providers and connections of names that none has at Auth0.
fn why_no_name(user: &User) -> Result<(), Fault> {
    for Identity { provider, connection, .. } in &user.identities {
        let is_provider =
            is_connection_name(provider) && !provider.contains(|it: char| it.is_ascii_uppercase());
        if !is_provider {
            let provider = cut(provider, 40);
            return Err(format!(
                "`{provider}` is no provider; expected a name such as `auth0` or `google-oauth2`"
            )
            .into());
        }
        if !is_connection_name(connection) {
            let connection = cut(connection, 40);
            return Err(format!(
                "`{connection}` is no name of a connection; expected letters, digits and - between them"
            )
            .into());
        }
    }
    Ok(())
}

/// Takes out the connection that a user names.
fn said_connection(fields: &mut Map<String, Value>) -> Result<Option<String>, Fault> {
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

/// What tells a user from the others of its database.
fn telling(fields: &Map<String, Value>) -> Option<&str> {
    let text = |key: &&str| fields.get(*key).and_then(Value::as_str).filter(|text| !text.is_empty());
    ["email", "username", "phone_number"].iter().find_map(text)
}

/// An id made of what tells the user from the others, so that importing it again
/// finds it.
fn made_up(connection: &str, key: &str) -> String {
    let digest = Sha256::new()
        .chain_update(connection)
        .chain_update([0])
        .chain_update(key.to_ascii_lowercase())
        .finalize();
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// The kinds of factors that the import format enrols.
fn factors(user: &User) -> Vec<String> {
    let factors = user.rest.get("mfa_factors").and_then(Value::as_array);
    let kinds = factors.into_iter().flatten().filter_map(Value::as_object).flat_map(Map::keys);
    let mut kinds: Vec<String> = kinds.cloned().collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// A user in the import format; none if it is no database user, which that
/// format cannot hold.
pub(super) fn to_import(user: &User) -> Option<Value> {
    let own: &Identity = user.identities.first()?;
    if own.provider != "auth0" {
        return None;
    }
    let whole = serde_json::to_value(user).ok()?;
    let mut fields = Map::new();
    for key in [
        "email",
        "email_verified",
        "username",
        "given_name",
        "family_name",
        "name",
        "nickname",
        "picture",
        "blocked",
        "user_metadata",
        "app_metadata",
    ] {
        if let Some(value) = whole.get(key) {
            fields.insert(key.to_owned(), value.clone());
        }
    }
    fields.insert("user_id".to_owned(), Value::from(own.user_id.as_str()));
    Some(Value::Object(fields))
}

#[cfg(test)]
mod tests;
