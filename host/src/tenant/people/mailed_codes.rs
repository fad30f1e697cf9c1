//! One-time passwords that are sent by mail or to a phone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::ambient::Ambient;
use crate::model::User;
use crate::tenant::people::attempts::{Attempt, Attempts, TooMany, normalize_sender};
use crate::tenant::people::identifier_keys::identifier_key;
use crate::tenant::people::typed_credentials::TypedCredentials;
use crate::tenant::signing::tokens::secrets_are_equal;
use crate::tenant::store::one_time::{OneTime, Use};
use crate::tenant::store::weight::Weighed;

/// The valid one-time passwords, by connection and address, and the failed attempts at them.
pub(crate) struct MailedCodes {
    codes: OneTime<Arc<MailedCode>>,
    /// Failed attempts by address, so that requesting a new code does not grant new attempts.
    attempts: Attempts,
}

/// A one-time password that was sent.
pub(crate) struct MailedCode {
    code: String,
    /// The address that the code was sent to. The code proves this address, not one that is typed
    /// later.
    pub(crate) address: String,
    /// The application whose login asked for the code, unless it is of no login.
    pub(crate) client: Option<String>,
    /// The parameters of `/authorize` with which the link in the mail continues.
    pub(crate) params: Map<String, Value>,
    /// The browser that requested the code, if the request carried a browser ID.
    pub(crate) browser: Option<String>,
    /// Whether the code has been used for a login.
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

/// The number of failed attempts at a code after which it is refused from their sender.
///
/// Source: Auth0, "Passwordless": a code is invalid after three failures.
const FROM_ONE: u32 = 3;
/// The number of failed attempts from all senders after which a code is invalid.
const FROM_ALL: u32 = 12;

/// Whether a sender may try a code again.
enum CodeAttempt {
    Attempts,
    /// The sender has used all of its attempts.
    None,
    /// All senders together have used all attempts, so the code is invalid.
    NoCode,
}

impl MailedCodes {
    pub(crate) fn new(lifetime_s: u64, ambient: &Ambient) -> Self {
        Self { codes: OneTime::new(lifetime_s, ambient), attempts: Attempts::new(ambient) }
    }

    /// Stores a code, which replaces the previous one of the address.
    pub(crate) fn put(&self, connection: &str, code: MailedCode) {
        self.codes.put_as(code_name(connection, &code.address), Arc::new(code));
    }

    /// Returns the code of this address.
    pub(crate) fn get(&self, connection: &str, address: &str) -> Option<Arc<MailedCode>> {
        self.codes.get(&code_name(connection, address))
    }

    /// Returns the code of an address if the typed secret matches, and if the application `client`
    /// asked for it, where one is given. The code stays valid.
    pub(crate) fn check(
        &self,
        connection: &str,
        client: Option<&str>,
        typed: TypedCredentials<'_>,
    ) -> Result<Arc<MailedCode>, CodeError> {
        let name = code_name(connection, typed.identifier);
        // Users may copy the code from a mail with blanks.
        let secret: String = typed.secret.split_whitespace().collect();
        // Without a code there is nothing to guess, so nothing is counted.
        let unused = self.codes.get(&name).filter(|it| !it.used.has_begun());
        let unused = unused.filter(|it| client.is_none() || it.client.as_deref() == client);
        let mailed = unused.ok_or(CodeError::Wrong)?;
        let attempt = Attempt { login: &name, sender: typed.sender, exists: true };
        self.attempts.begin(attempt).map_err(|TooMany| CodeError::TooManyAttempts)?;
        let left = mailed.begin_attempt(typed.sender);
        if matches!(left, CodeAttempt::NoCode) {
            self.codes.take(&name);
        }
        if !matches!(left, CodeAttempt::Attempts) {
            tracing::warn!(target: "audit", connection, "a one-time password was tried too often");
            return Err(CodeError::Exhausted);
        }
        if !secrets_are_equal(&mailed.code, &secret) {
            tracing::warn!(target: "audit", connection, "a one-time password was wrong");
            return Err(CodeError::Wrong);
        }
        mailed.reset_attempts(typed.sender);
        self.attempts.succeed(attempt);
        Ok(mailed)
    }

    /// Invalidates the one-time passwords and links that were sent to the addresses and phone
    /// numbers by which this user logs in.
    pub(crate) fn invalidate_for_user(&self, user: &User) {
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

/// Returns the key under which the code of an address is stored.
fn code_name(connection: &str, address: &str) -> String {
    identifier_key(connection, &address.to_ascii_lowercase())
}

impl MailedCode {
    /// Creates a code for an address.
    pub(crate) fn new(code: String, address: &str) -> Self {
        Self {
            code,
            address: address.to_owned(),
            client: None,
            params: Map::new(),
            browser: None,
            used: Arc::default(),
            failed: Mutex::default(),
        }
    }

    /// Binds the code to the application that asked for it.
    pub(crate) fn for_client(self, client: &str) -> Self {
        Self { client: Some(client.to_owned()), ..self }
    }

    /// Notes the browser that requested the code.
    pub(crate) fn in_browser(self, browser: Option<String>) -> Self {
        Self { browser, ..self }
    }

    /// Sets the parameters with which the link in the mail continues.
    pub(crate) fn with_params(self, params: Map<String, Value>) -> Self {
        Self { params, ..self }
    }

    /// Uses the code for a login. Returns `None` if another login has used it.
    pub(crate) fn begin_use(&self) -> Option<Arc<Use>> {
        self.used.begin().then(|| self.used.clone())
    }

    /// Counts an attempt as failed before the code is compared, so that concurrent attempts do not
    /// exceed the limit.
    fn begin_attempt(&self, sender: &str) -> CodeAttempt {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.values().sum::<u32>() >= FROM_ALL {
            return CodeAttempt::NoCode;
        }
        let own = failed.entry(normalize_sender(sender)).or_default();
        if *own >= FROM_ONE {
            return CodeAttempt::None;
        }
        *own += 1;
        CodeAttempt::Attempts
    }

    /// Resets the failed attempts of a sender who has typed the code correctly.
    fn reset_attempts(&self, sender: &str) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).remove(&normalize_sender(sender));
    }
}

impl Weighed for MailedCode {
    fn bytes(&self) -> usize {
        self.code.len()
            + self.address.len()
            + self.client.bytes()
            + self.params.bytes()
            + self.browser.bytes()
    }
}
