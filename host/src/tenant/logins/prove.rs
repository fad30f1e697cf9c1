//! Who somebody proves to be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::ambient::Ambient;
use crate::directory::Credential;
use crate::model::{ApiError, Verification, mask_addresses};
use crate::tenant::config::{Account, Connection};
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::people::attempts::{Attempt, TooMany, network};
use crate::tenant::people::login_name::{credential_name, login_name, passwordless_id};
use crate::tenant::people::passwords::Wrong;
use crate::tenant::people::proved::Proved;
use crate::tenant::signing::tokens::same_secret;
use crate::tenant::state::Tenant;
use crate::tenant::store::one_time::Use;
use crate::tenant::store::weight::Weighed;

/// A one-time password that was mailed.
pub(crate) struct MailedCode {
    pub(crate) code: String,
    /// Where it went: this, and not what is typed later, is what it proves.
    pub(crate) address: String,
    /// What the mail's link goes on with.
    pub(crate) params: Params,
    /// The browser that asked for it, where that could be told.
    pub(crate) browser: Option<String>,
    /// Whether somebody has logged in by it.
    used: Arc<Use>,
    /// Failed attempts, by sender.
    failed: Mutex<HashMap<String, u32>>,
}

/// Failed attempts after which a code is good no longer for their sender.
///
/// Source: Auth0, "Passwordless": a code is invalid after three failures.
const FROM_ONE: u32 = 3;
/// Failed attempts of all senders together that end a code.
const FROM_ALL: u32 = 12;

/// The attempts at a code that a sender has left.
enum Left {
    Attempts,
    /// The sender has had theirs.
    None,
    /// All senders have.
    NoCode,
}

impl MailedCode {
    pub(crate) fn new(code: String, address: &str, params: Params, browser: Option<String>) -> Self {
        Self {
            code,
            address: address.to_owned(),
            params,
            browser,
            used: Arc::default(),
            failed: Mutex::default(),
        }
    }
}

impl MailedCode {
    /// Counts an attempt as failed, before it is made: many at once get no more of
    /// them.
    fn begin(&self, sender: &str) -> Left {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.values().sum::<u32>() >= FROM_ALL {
            return Left::NoCode;
        }
        let own = failed.entry(network(sender)).or_default();
        if *own >= FROM_ONE {
            return Left::None;
        }
        *own += 1;
        Left::Attempts
    }

    fn succeed(&self, sender: &str) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).remove(&network(sender));
    }
}

impl Weighed for MailedCode {
    fn bytes(&self) -> usize {
        self.code.len() + self.address.len() + self.params.bytes() + self.browser.bytes()
    }
}

/// A secret that somebody has typed, and whose it is said to be.
#[derive(Clone, Copy)]
pub(crate) struct Typed<'a> {
    /// An address, a username or a phone number.
    pub(crate) login: &'a str,
    /// A password or a one-time password.
    pub(crate) secret: &'a str,
    /// The network address that it came from.
    pub(crate) sender: &'a str,
}

/// By the password of a user of a database.
pub(crate) fn by_password(
    tenant: &Tenant,
    connection: &Connection,
    typed: Typed<'_>,
) -> Result<Proved, OAuthError> {
    if !connection.is_database() {
        return Err(OAuthError::invalid_request(format!(
            "the connection {} has no passwords",
            connection.name
        )));
    }
    let mut proved = checked_password(tenant, connection, typed);
    for _ in 0..3 {
        let Ok(it) = &proved else { break };
        if !tenant.people.revocations.is_revoked(&it.user.user_id, it.began) {
            break;
        }
        // Changed at this very moment: it may be the old one, or the new one.
        proved = checked_password(tenant, connection, typed);
    }
    proved
}

fn checked_password(
    tenant: &Tenant,
    connection: &Connection,
    typed: Typed<'_>,
) -> Result<Proved, OAuthError> {
    // Drawn before it is looked at: whoever knows a password that is changed
    // meanwhile is out.
    let began = tenant.ambient.draw_moment();
    // No address and no username begins or ends with a blank.
    let typed = Typed { login: typed.login.trim(), ..typed };
    let credential = tenant.directory.credential(&connection.name, typed.login).map_err(unavailable)?;
    // One count for the address and the username of a login.
    let typed_name = || login_name(&connection.name, typed.login);
    let name = credential.as_ref().map_or_else(typed_name, credential_name);
    let attempt = Attempt { login: &name, sender: typed.sender, exists: credential.is_some() };
    let checked = tenant.people.passwords.check(attempt, credential.as_ref(), typed.secret);
    if let Err(why @ (Wrong::Password | Wrong::TooManyAttempts)) = checked {
        let kind = if why == Wrong::Password { "fp" } else { "limit_wc" };
        tenant.logins.events.wrong_password(tenant, (kind, &connection.name), credential.as_ref());
    }
    match (checked, credential) {
        (Ok(fresh), Some(known)) => {
            if let Some(fresh) = fresh {
                keep_fresh(tenant, &known, &fresh);
            }
            Ok(Proved { began, ..Proved::new(connection, &known.user_id, "pwd", &tenant.ambient) })
        }
        (Err(Wrong::TooManyAttempts), _) => {
            tracing::warn!(target: "audit", connection = connection.name, "a login is blocked: too many attempts");
            Err(OAuthError::too_many_attempts())
        }
        (Err(Wrong::Busy), _) => Err(OAuthError::busy()),
        _ => {
            tracing::warn!(target: "audit", connection = connection.name, "a password was wrong");
            Err(OAuthError::invalid_grant("Wrong email or password."))
        }
    }
}

/// Keeps an imported password as new ones are hashed. One that has changed meanwhile
/// stays; what cannot be kept now is at the next login.
fn keep_fresh(tenant: &Tenant, known: &Credential, fresh: &str) {
    match tenant.directory.rehash(known, fresh) {
        Ok(true) => {
            tracing::info!(target: "audit", connection = known.connection, "an imported password was hashed anew");
        }
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(error = %mask_addresses(&error.to_string()), "a password was not hashed anew")
        }
    }
}

/// What names a one-time password.
pub(crate) fn code_name(connection: &Connection, address: &str) -> String {
    login_name(&connection.name, &address.to_ascii_lowercase())
}

/// The code that an address got, if this is it. It stays good.
pub(crate) fn mailed(
    tenant: &Tenant,
    connection: &Connection,
    typed: Typed<'_>,
) -> Result<Arc<MailedCode>, OAuthError> {
    let wrong = || OAuthError::invalid_grant(wrong_code(connection));
    let name = code_name(connection, typed.login);
    // As it is copied from a mail.
    let code: String = typed.secret.split_whitespace().collect();
    // Where there is no code, there is nothing to guess, and nothing to count.
    let mailed =
        tenant.logins.flows.mailed_codes.get(&name).filter(|it| !it.used.has_begun()).ok_or_else(wrong)?;
    // The count is the address's, too: a new code must not bring new attempts.
    let attempt = Attempt { login: &name, sender: typed.sender, exists: true };
    tenant.logins.flows.attempts.begin(attempt).map_err(|TooMany| OAuthError::too_many_attempts())?;
    let left = mailed.begin(typed.sender);
    if matches!(left, Left::NoCode) {
        tenant.logins.flows.mailed_codes.take(&name);
    }
    if !matches!(left, Left::Attempts) {
        tracing::warn!(target: "audit", connection = connection.name, "a one-time password was tried too often");
        return Err(OAuthError::invalid_grant(
            "This code is no longer good: it was typed wrong too often. Ask for a new one.",
        ));
    }
    if !same_secret(&mailed.code, &code) {
        tracing::warn!(target: "audit", connection = connection.name, "a one-time password was wrong");
        return Err(wrong());
    }
    mailed.succeed(typed.sender);
    tenant.logins.flows.attempts.succeed(attempt);
    Ok(mailed)
}

/// By a code that was mailed to an address, or sent to a phone.
pub(crate) fn by_code(
    tenant: &Tenant,
    connection: &Connection,
    typed: Typed<'_>,
) -> Result<Proved, OAuthError> {
    let mailed = mailed(tenant, connection, typed)?;
    if !mailed.used.begin() {
        return Err(OAuthError::invalid_grant(wrong_code(connection)));
    }
    let address = mailed.address.as_str();
    let id = passwordless_id(connection, address);
    let mut proved = Proved::new(connection, &id, connection_method(connection), &tenant.ambient);
    proved.by = Some(mailed.used.clone());
    if connection.strategy == "sms" {
        proved.user.rest.insert("phone_number".to_owned(), address.into());
        proved.user.rest.insert("phone_verified".to_owned(), true.into());
    } else {
        proved.user.email = Some(address.to_owned());
        proved.user.email_verified = Verification::Verified;
    }
    proved.user.rest.insert("name".to_owned(), address.into());
    Ok(proved)
}

/// Source: auth0-js, of a mail; of a text message, by analogy.
fn wrong_code(connection: &Connection) -> &'static str {
    if connection.strategy == "sms" {
        "Wrong phone number or verification code."
    } else {
        "Wrong email or verification code."
    }
}

fn connection_method(connection: &Connection) -> &'static str {
    if connection.strategy == "sms" { "sms" } else { "email" }
}

/// By a provider that is played.
pub(crate) fn as_account(ambient: &Ambient, connection: &Connection, account: &Account) -> Proved {
    let id = connection.identity_id(&account.user_id);
    let mut proved = Proved::new(connection, &id, "federated", ambient);
    proved.user.email.clone_from(&account.email);
    proved.user.email_verified = match (account.email.is_some(), account.email_verified) {
        (true, Some(true)) => Verification::Verified,
        // A provider that says nothing has verified nothing.
        (true, _) => Verification::Unverified,
        (false, _) => Verification::Absent,
    };
    let attributes: Map<String, Value> =
        account.rest.clone().into_iter().filter(|(name, _)| is_attribute(name)).collect();
    proved.user.rest.extend(attributes);
    if let Some(email) = &account.email {
        proved.user.rest.entry("name").or_insert_with(|| email.as_str().into());
    }
    proved
}

/// What a provider may say of a user; the rest of a user is the tenant's.
fn is_attribute(name: &str) -> bool {
    matches!(
        name,
        "name"
            | "given_name"
            | "family_name"
            | "nickname"
            | "picture"
            | "locale"
            | "username"
            | "phone_number"
            | "phone_verified"
            | "preferred_username"
    )
}

pub(crate) fn unavailable(error: ApiError) -> OAuthError {
    tracing::error!(error = %crate::model::mask_addresses(&error.to_string()), "the directory failed");
    OAuthError::temporarily_unavailable()
}

#[cfg(test)]
mod tests {
    use crate::ambient::Ambient;
    use crate::tenant::config::Config;
    use crate::tenant::logins::prove::as_account;

    #[test]
    fn one_id_at_two_companies_is_two_users() {
        let ambient = Ambient::system();
        let config = Config::parse(
            "[[connections]]\nname = \"acme\"\nstrategy = \"samlp\"\naccounts = [{ user_id = \"1\" }]\n\
             [[connections]]\nname = \"globex\"\nstrategy = \"samlp\"\naccounts = [{ user_id = \"1\" }]\n\
             [[connections]]\nname = \"github\"\nstrategy = \"github\"\naccounts = [{ user_id = \"1\" }]\n",
        );
        let ids = config
            .unwrap()
            .connections
            .iter()
            .map(|it| as_account(&ambient, it, &it.accounts[0]).user.user_id)
            .collect::<Vec<_>>();
        assert_eq!(ids, ["samlp|acme|1", "samlp|globex|1", "github|1"]);
    }
}
