//! One-time passwords that are mailed, or sent to a phone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::ambient::Ambient;
use crate::model::User;
use crate::tenant::config::Connection;
use crate::tenant::people::attempts::{Attempt, Attempts, TooMany, network};
use crate::tenant::people::login_name::login_name;
use crate::tenant::people::typed::TypedCredentials;
use crate::tenant::signing::tokens::same_secret;
use crate::tenant::store::one_time::{OneTime, Use};
use crate::tenant::store::weight::Weighed;

/// The one-time passwords that are valid, by connection and address, and the failed
/// attempts at them.
pub(crate) struct MailedCodes {
    codes: OneTime<Arc<MailedCode>>,
    /// Failed attempts by address: a new code must not bring new attempts.
    attempts: Attempts,
}

/// A one-time password that was mailed.
pub(crate) struct MailedCode {
    code: String,
    /// The address that it was sent to. The code proves this one, not the one that is
    /// typed later.
    pub(crate) address: String,
    /// The parameters of `/authorize` that the mail's link continues with.
    pub(crate) params: Map<String, Value>,
    /// The browser that requested the code, if it sent its id.
    pub(crate) browser: Option<String>,
    /// Whether the code has logged somebody in.
    used: Arc<Use>,
    /// Failed attempts, by sender.
    failed: Mutex<HashMap<String, u32>>,
}

/// The reason why a one-time password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeError {
    /// The code is wrong, was used, or has expired.
    Wrong,
    /// There were too many attempts at this code.
    Exhausted,
    /// There were too many attempts at the address.
    TooManyAttempts,
}

/// Failed attempts after which a code is refused from their sender.
///
/// Source: Auth0, "Passwordless": a code is invalid after three failures.
const FROM_ONE: u32 = 3;
/// Failed attempts of all senders together that end a code.
const FROM_ALL: u32 = 12;

/// The attempts at a code that a sender has left.
enum Left {
    Attempts,
    /// The sender has used all of theirs.
    None,
    /// All senders together have used all attempts.
    NoCode,
}

impl MailedCodes {
    pub(crate) fn new(lifetime_s: u64, ambient: &Ambient) -> Self {
        Self { codes: OneTime::new(lifetime_s, ambient), attempts: Attempts::new(ambient) }
    }

    /// Keeps a code, in place of the one that the address had before.
    pub(crate) fn put(&self, connection: &Connection, code: MailedCode) {
        self.codes.put_as(code_name(&connection.name, &code.address), Arc::new(code));
    }

    /// Returns the code that this address has.
    pub(crate) fn get(&self, connection: &Connection, address: &str) -> Option<Arc<MailedCode>> {
        self.codes.get(&code_name(&connection.name, address))
    }

    /// Returns the code of an address, if the secret is this code. The code stays
    /// valid.
    pub(crate) fn check(
        &self,
        connection: &Connection,
        typed: TypedCredentials<'_>,
    ) -> Result<Arc<MailedCode>, CodeError> {
        let name = code_name(&connection.name, typed.login);
        // People copy it from a mail, with blanks.
        let secret: String = typed.secret.split_whitespace().collect();
        // Without a code there is nothing to guess, and nothing to count.
        let unused = self.codes.get(&name).filter(|it| !it.used.has_begun());
        let mailed = unused.ok_or(CodeError::Wrong)?;
        let attempt = Attempt { login: &name, sender: typed.sender, exists: true };
        self.attempts.begin(attempt).map_err(|TooMany| CodeError::TooManyAttempts)?;
        let left = mailed.begin_attempt(typed.sender);
        if matches!(left, Left::NoCode) {
            self.codes.take(&name);
        }
        if !matches!(left, Left::Attempts) {
            tracing::warn!(target: "audit", connection = connection.name, "a one-time password was tried too often");
            return Err(CodeError::Exhausted);
        }
        if !same_secret(&mailed.code, &secret) {
            tracing::warn!(target: "audit", connection = connection.name, "a one-time password was wrong");
            return Err(CodeError::Wrong);
        }
        mailed.forgive(typed.sender);
        self.attempts.succeed(attempt);
        Ok(mailed)
    }

    /// Ends the one-time passwords and links that were sent to the mailboxes and phones
    /// by which this user logs in.
    pub(crate) fn end_of(&self, user: &User) {
        for identity in user.identities.iter().filter(|it| matches!(it.provider.as_str(), "email" | "sms")) {
            let is_own = identity.as_user_id() == user.user_id;
            let in_profile = |name: &str| identity.profile_data.as_ref()?.get(name)?.as_str();
            let in_root = |name: &str| user.rest.get(name).and_then(Value::as_str);
            let address = match (identity.provider.as_str(), is_own) {
                ("email", true) => user.email.as_deref(),
                ("email", false) => in_profile("email"),
                (_, true) => in_root("phone_number"),
                (_, false) => in_profile("phone_number"),
            };
            if let Some(address) = address {
                self.codes.take(&code_name(&identity.connection, address));
            }
        }
    }
}

/// Returns the name that the code of an address is kept under.
fn code_name(connection: &str, address: &str) -> String {
    login_name(connection, &address.to_ascii_lowercase())
}

impl MailedCode {
    /// A code for an address, and the parameters that its link continues with.
    pub(crate) fn new(
        code: String,
        address: &str,
        params: Map<String, Value>,
        browser: Option<String>,
    ) -> Self {
        let (address, used, failed) = (address.to_owned(), Arc::default(), Mutex::default());
        Self { code, address, params, browser, used, failed }
    }

    /// Uses the code for a login. Returns `None` if another login has used it.
    pub(crate) fn begin_use(&self) -> Option<Arc<Use>> {
        self.used.begin().then(|| self.used.clone())
    }

    /// Counts an attempt as failed, before the code is compared: many attempts at once
    /// get no more than one after the other.
    fn begin_attempt(&self, sender: &str) -> Left {
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

    /// Forgets the failed attempts of a sender who knows the code.
    fn forgive(&self, sender: &str) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).remove(&network(sender));
    }
}

impl Weighed for MailedCode {
    fn bytes(&self) -> usize {
        self.code.len() + self.address.len() + self.params.bytes() + self.browser.bytes()
    }
}
