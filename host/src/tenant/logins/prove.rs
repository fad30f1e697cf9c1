//! Proofs of an identity: a password, a one-time password, or a stand-in provider.

use serde_json::{Map, Value};

use crate::ambient::Ambient;
use crate::directory::{Administration, Credential};
use crate::model::{ApiError, Verification, mask_addresses};
use crate::tenant::config::{Account, Connection};
use crate::tenant::logins::log_events::WrongPassword;
use crate::tenant::logins::state::Logins;
use crate::tenant::people::attempts::Attempt;
use crate::tenant::people::identifier_keys::{credential_key, derive_passwordless_id, identifier_key};
use crate::tenant::people::mailed_codes::CodeError;
use crate::tenant::people::passwords::PasswordError;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::typed_credentials::TypedCredentials;

/// The reason why an identity is not proved. The messages are shown to the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProofError {
    /// The connection is not a database.
    #[error("the connection {0} has no passwords")]
    NoPasswords(String),
    /// The password is wrong, or the login does not exist.
    #[error("Wrong email or password.")]
    WrongPassword,
    /// The one-time password that was mailed is wrong.
    ///
    /// Source: auth0-js.
    #[error("Wrong email or verification code.")]
    WrongMailedCode,
    /// The one-time password that was sent to a phone is wrong.
    ///
    /// Source: by analogy with a mailed one-time password.
    #[error("Wrong phone number or verification code.")]
    WrongPhoneCode,
    /// There were too many attempts at this one-time password.
    #[error("This code is no longer valid: it was entered incorrectly too often. Request a new one.")]
    CodeExhausted,
    /// There were too many attempts at this login.
    #[error("too many attempts")]
    TooManyAttempts,
    /// Too many passwords are being hashed already.
    #[error("too many logins at a time")]
    Busy,
    /// The directory failed.
    #[error("the directory failed")]
    Directory(ApiError),
}

impl Logins {
    /// Proves an identity of a database by its password.
    pub(crate) fn prove_by_password(
        &self,
        connection: &Connection,
        typed: TypedCredentials<'_>,
    ) -> Result<ProvedIdentity, ProofError> {
        if !connection.is_database() {
            return Err(ProofError::NoPasswords(connection.name.clone()));
        }
        let mut proved = self.check_password(connection, typed);
        for _ in 0..3 {
            let Ok(it) = &proved else { break };
            if !self.people.revocations.is_revoked(&it.user.user_id, it.began) {
                break;
            }
            // The password was changed during the check, so it is unknown which of the two was
            // compared.
            proved = self.check_password(connection, typed);
        }
        proved
    }

    fn check_password(
        &self,
        connection: &Connection,
        typed: TypedCredentials<'_>,
    ) -> Result<ProvedIdentity, ProofError> {
        // Drawn before the credential is read, so that a later change of the password revokes the
        // login.
        let began = self.ambient.draw_moment();
        // Addresses and usernames have no leading or trailing blanks.
        let typed = TypedCredentials { identifier: typed.identifier.trim(), ..typed };
        let credential = self.directory.credential(&connection.name, typed.identifier);
        let credential = credential.map_err(ProofError::Directory)?;
        // The address and the username of an account share one counter.
        let typed_name = || identifier_key(&connection.name, typed.identifier);
        let name = credential.as_ref().map_or_else(typed_name, credential_key);
        let attempt = Attempt { login: &name, sender: typed.sender, exists: credential.is_some() };
        let checked = self.people.passwords.check(attempt, credential.as_ref(), typed.secret);
        if let Err(why @ (PasswordError::Wrong | PasswordError::TooManyAttempts)) = checked {
            let kind = if why == PasswordError::Wrong { "fp" } else { "limit_wc" };
            let attempt = WrongPassword { kind, connection: &connection.name, known: credential.as_ref() };
            self.events.record_wrong_password(&self.config, &attempt);
        }
        match (checked, credential) {
            (Ok(new_hash), Some(known)) => {
                if let Some(new_hash) = new_hash {
                    replace_hash(&*self.directory, &known, &new_hash);
                }
                Ok(ProvedIdentity {
                    began,
                    ..ProvedIdentity::new(connection, &known.user_id, "pwd", &self.ambient)
                })
            }
            (Err(PasswordError::TooManyAttempts), _) => {
                tracing::warn!(target: "audit", connection = connection.name, "a login is blocked: too many attempts");
                Err(ProofError::TooManyAttempts)
            }
            (Err(PasswordError::Busy), _) => Err(ProofError::Busy),
            _ => {
                tracing::warn!(target: "audit", connection = connection.name, "a password was wrong");
                Err(ProofError::WrongPassword)
            }
        }
    }

    /// Checks a one-time password without using it: it stays valid.
    pub(crate) fn check_code(
        &self,
        connection: &Connection,
        typed: TypedCredentials<'_>,
    ) -> Result<(), ProofError> {
        let checked = self.people.mailed_codes.check(&connection.name, None, typed);
        checked.map(|_| ()).map_err(|error| describe_code_error(connection, error))
    }

    /// Proves an address or a phone number by a one-time password that the application asked for. It
    /// is thereby used up.
    pub(crate) fn prove_by_code(
        &self,
        connection: &Connection,
        client_id: &str,
        typed: TypedCredentials<'_>,
    ) -> Result<ProvedIdentity, ProofError> {
        let mailed = self.people.mailed_codes.check(&connection.name, Some(client_id), typed);
        let mailed = mailed.map_err(|error| describe_code_error(connection, error))?;
        let used = mailed.begin_use();
        let used = used.ok_or_else(|| describe_code_error(connection, CodeError::Wrong))?;
        Ok(ProvedIdentity { by: Some(used), ..self.prove_by_mailbox(connection, &mailed.address) })
    }

    /// Returns the identity of a mailbox or a phone number, of which a code or a link was a proof.
    pub(crate) fn prove_by_mailbox(&self, connection: &Connection, address: &str) -> ProvedIdentity {
        let is_phone = connection.strategy == "sms";
        let id = derive_passwordless_id(connection, address);
        let mut proved =
            ProvedIdentity::new(connection, &id, if is_phone { "sms" } else { "email" }, &self.ambient);
        if is_phone {
            proved.user.rest.insert("phone_number".to_owned(), address.into());
            proved.user.rest.insert("phone_verified".to_owned(), true.into());
        } else {
            proved.user.email = Some(address.to_owned());
            proved.user.email_verified = Verification::Verified;
        }
        proved.user.rest.insert("name".to_owned(), address.into());
        proved
    }
}

/// Replaces the hash of a password by one of the tenant's own cost, unless the password has changed in
/// the meantime. After a failure, the next login retries.
fn replace_hash(directory: &dyn Administration, known: &Credential, new_hash: &str) {
    match directory.rehash(known, new_hash) {
        Ok(true) => {
            tracing::info!(target: "audit", connection = known.connection, "a password was hashed again");
        }
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(error = %mask_addresses(&error.to_string()), "a password was not hashed again");
        }
    }
}

fn describe_code_error(connection: &Connection, error: CodeError) -> ProofError {
    match error {
        CodeError::Wrong if connection.strategy == "sms" => ProofError::WrongPhoneCode,
        CodeError::Wrong => ProofError::WrongMailedCode,
        CodeError::Exhausted => ProofError::CodeExhausted,
        CodeError::TooManyAttempts => ProofError::TooManyAttempts,
    }
}

/// Returns the identity that a stand-in for a provider proves.
pub(crate) fn prove_as_account(
    ambient: &Ambient,
    connection: &Connection,
    account: &Account,
) -> ProvedIdentity {
    let id = connection.identity_id(&account.user_id);
    let mut proved = ProvedIdentity::new(connection, &id, "federated", ambient);
    proved.user.email.clone_from(&account.email);
    proved.user.email_verified = match (account.email.is_some(), account.email_verified) {
        (true, Some(true)) => Verification::Verified,
        // An address counts as verified only if the provider says so.
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

/// Returns whether a provider sets this user attribute. Others are set by the tenant.
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

#[cfg(test)]
mod tests {
    use crate::ambient::Ambient;
    use crate::tenant::config::Config;
    use crate::tenant::logins::prove::prove_as_account;

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
            .map(|it| prove_as_account(&ambient, it, &it.accounts[0]).user.user_id)
            .collect::<Vec<_>>();
        assert_eq!(ids, ["samlp|acme|1", "samlp|globex|1", "github|1"]);
    }
}
