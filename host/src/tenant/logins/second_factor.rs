//! The second factor of a login. A code in the outbox stands in for the device that would show it.

use serde_json::Value;

use crate::directory::Stored;
use crate::model::{ApiError, User, mask_addresses};
use crate::tenant::logins::state::Logins;
use crate::tenant::people::mailed_codes::{CodeError, MailedCode};
use crate::tenant::people::outbox::{Message, MessageKind};
use crate::tenant::people::proved_identity::{PassedFactor, ProvedIdentity};
use crate::tenant::people::typed_credentials::TypedCredentials;

/// The name under which codes are stored and shown in the outbox.
const SECOND_FACTOR: &str = "second factor";

/// The reason why a code is refused. The messages are shown to the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FactorError {
    /// The code is wrong, was used, has expired, or was sent to another browser.
    #[error("This code is wrong, was used already, or has expired.")]
    Wrong,
    /// There were too many attempts at this code.
    #[error("This code is no longer valid: it was entered incorrectly too often. Request a new one.")]
    Exhausted,
    /// There were too many attempts at this account.
    #[error("too many attempts")]
    TooManyAttempts,
    /// The directory did not respond. Nothing was counted or used up.
    #[error(transparent)]
    Directory(#[from] ApiError),
}

impl Logins {
    /// Returns whether the account of a proved identity has a second factor that this login has not
    /// passed.
    pub(crate) fn lacks_second_factor(&self, proved: &ProvedIdentity) -> Result<bool, ApiError> {
        let owner = self.find_owner(proved)?;
        Ok(owner.is_some_and(|Stored { user, .. }| {
            !user.mfa_factors().is_empty() && proved.passed_factor_of(&user.user_id).is_none()
        }))
    }

    /// Returns whether this login has passed a second factor of the account of a proved identity.
    pub(crate) fn has_passed_second_factor(&self, proved: &ProvedIdentity) -> Result<bool, ApiError> {
        if proved.factors.is_empty() {
            return Ok(false);
        }
        let owner = self.find_owner(proved)?;
        Ok(proved.passed_factor_of(account_of(owner.as_ref(), proved)).is_some())
    }

    /// Sends a code to the user of a proved identity, for this browser. It replaces the previous one.
    pub(crate) fn send_second_factor(&self, first: &ProvedIdentity, browser: &str) {
        let owner = self.find_owner(first).ok().flatten();
        let to = name_device(owner.as_ref().map_or(&first.user, |stored| &stored.user));
        let code = self.ambient.random().six_digits();
        let account = account_of(owner.as_ref(), first);
        let kept = MailedCode::new(code.clone(), account).in_browser(Some(browser.to_owned()));
        self.people.second_factors.put(SECOND_FACTOR, kept);
        self.people.outbox.send(Message {
            to,
            kind: MessageKind::Factor,
            connection: SECOND_FACTOR.to_owned(),
            code: Some(code),
            link: None,
            text: Vec::new(),
            at: self.ambient.now(),
        });
    }

    /// Passes the second factor by a typed code, which is thereby used up.
    pub(crate) fn pass_second_factor(
        &self,
        first: &ProvedIdentity,
        browser: &str,
        typed: TypedCredentials<'_>,
    ) -> Result<ProvedIdentity, FactorError> {
        // A code that was sent before its account was linked into another one is not found.
        let owner = self.find_owner(first)?;
        let account = account_of(owner.as_ref(), first);
        let typed = TypedCredentials { identifier: account, ..typed };
        let mailed =
            self.people.second_factors.check(SECOND_FACTOR, None, typed).map_err(|error| match error {
                CodeError::Wrong => FactorError::Wrong,
                CodeError::Exhausted => FactorError::Exhausted,
                CodeError::TooManyAttempts => FactorError::TooManyAttempts,
            })?;
        // Codes are stored without regard to the case of the id.
        if mailed.browser.as_deref() != Some(browser) || mailed.address != account {
            tracing::warn!(target: "audit", "the code of a second factor was of another browser or account");
            return Err(FactorError::Wrong);
        }
        let used = mailed.begin_use().ok_or(FactorError::Wrong)?;
        tracing::info!(target: "audit", user = %mask_addresses(account), "a second factor was passed");
        let passed = PassedFactor { account: account.to_owned(), at: self.ambient.now() };
        let mut proved = ProvedIdentity { by: Some(used), ..first.clone() };
        proved.factors.retain(|factor| factor.account != passed.account);
        proved.factors.push(passed);
        Ok(proved)
    }

    fn find_owner(&self, proved: &ProvedIdentity) -> Result<Option<Stored>, ApiError> {
        let Some(key) = proved.key() else { return Ok(None) };
        match self.directory.owner(key) {
            // The identity cannot be stored, so that nobody has it.
            Err(ApiError::Invalid(_)) => Ok(None),
            owner => owner,
        }
    }
}

/// Returns the id of the account to which a factor belongs: of the identity's owner, or of the user who
/// is created for it.
fn account_of<'a>(owner: Option<&'a Stored>, proved: &'a ProvedIdentity) -> &'a str {
    owner.map_or(&proved.user.user_id, |stored| &stored.user.user_id)
}

/// Returns the recipient of a code: the phone number or the address of the user, or else the id.
fn name_device(user: &User) -> String {
    let phone = user.rest.get("phone_number").and_then(Value::as_str);
    let has_phone = user.mfa_factors().iter().any(|factor| factor == "phone" || factor == "sms");
    let contact = if has_phone { phone.or(user.email.as_deref()) } else { user.email.as_deref().or(phone) };
    contact.unwrap_or(&user.user_id).to_owned()
}
