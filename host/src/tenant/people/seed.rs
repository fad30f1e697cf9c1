//! The creation of the configuration's users at the start.

use crate::ambient::Ambient;
use crate::directory::{Administration, Credential, Stored};
use crate::model::{ApiError, IdentityKey, Timestamp, mask_addresses};
use crate::tenant::config::{Account, Config, Connection, SeedUser};
use crate::tenant::people::passwords::Passwords;

/// The creation of the configuration's users.
pub(crate) struct Seeding<'a> {
    pub(crate) config: &'a Config,
    pub(crate) directory: &'a dyn Administration,
    pub(crate) ambient: &'a Ambient,
}

impl Seeding<'_> {
    /// Creates the users of the configuration that do not exist, and logs differences.
    pub(crate) fn create_users(&self) -> Result<(), ApiError> {
        for seed in &self.config.users {
            if let Some(connection) = self.config.connection(&seed.connection) {
                self.create(seed, connection, self.ambient.now())?;
            }
        }
        for connection in &self.config.connections {
            for account in &connection.accounts {
                self.warn_of_other_address(connection, account)?;
            }
        }
        Ok(())
    }

    /// Logs a warning if an account of a stand-in provider is in the directory with another
    /// address, which a login would overwrite.
    fn warn_of_other_address(&self, connection: &Connection, account: &Account) -> Result<(), ApiError> {
        let id = connection.identity_id(&account.user_id);
        let key = IdentityKey { connection: &connection.name, provider: connection.provider(), user_id: &id };
        match self.directory.owner(key) {
            Ok(Some(owner)) => {
                let user_id = format!("{}|{id}", connection.provider());
                if let Some(known) = other_address(&user_id, account.email.as_deref(), &owner) {
                    tracing::warn!(
                        user = %mask_addresses(&user_id), configured = mask_address(account.email.as_deref()),
                        in_directory = mask_address(known),
                        "an account of the configuration is in the directory with another address, which a login \
                         changes; give it another user_id in the configuration, or use another directory"
                    );
                }
                Ok(())
            }
            Ok(None) | Err(ApiError::Invalid(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn create(&self, seed: &SeedUser, connection: &Connection, now: Timestamp) -> Result<(), ApiError> {
        let user = seed.to_user(connection, now);
        let id = user.user_id.split_once('|').map_or("", |(_, id)| id).to_owned();
        let key = IdentityKey { connection: &connection.name, provider: connection.provider(), user_id: &id };
        match self.directory.owner(key) {
            // The user was created at an earlier start, or linked since.
            Ok(Some(owner)) => {
                let configured = user.email.as_deref();
                if let Some(known) = other_address(&user.user_id, configured, &owner) {
                    // A developer who expects the configuration's user would log in as someone
                    // else.
                    tracing::warn!(
                        user = %mask_addresses(&user.user_id), configured = mask_address(configured),
                        in_directory = mask_address(known),
                        "a user of the configuration is in the directory with another address, and was not changed; give it another user_id in the configuration, or use another directory"
                    );
                }
                return Ok(());
            }
            Ok(None) => {}
            Err(ApiError::Invalid(why)) => {
                warn_not_created(&user.user_id, &why);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let user_id = user.user_id.clone();
        let made = if connection.is_database() {
            let credential = Credential {
                connection: connection.name.clone(),
                user_id: id.clone(),
                email: user.email.clone(),
                username: user.rest.get("username").and_then(|it| it.as_str()).map(str::to_lowercase),
                password: seed.password.as_deref().and_then(|it| Passwords::cheap_hash(it, self.ambient)),
            };
            self.directory.sign_up(user, &credential)
        } else {
            self.directory.create(user)
        };
        match made {
            Ok(_) => Ok(()),
            // Another user has this address in the database connection. Existing users take
            // precedence over those of the configuration.
            Err(ApiError::Invalid(why) | ApiError::AlreadyLinked(why)) => {
                warn_not_created(&user_id, &why);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Returns the address that an identity has in the directory, if it differs from the configured
/// one.
fn other_address<'a>(user_id: &str, configured: Option<&str>, owner: &'a Stored) -> Option<Option<&'a str>> {
    let user = &owner.user;
    let known = if user.user_id == user_id {
        user.email.as_deref()
    } else {
        let identity = user.identities.iter().find(|it| it.as_user_id() == user_id);
        identity.and_then(|it| it.profile_data.as_ref()?.get("email")?.as_str())
    };
    let is_other = configured.is_some_and(|one| known.is_none_or(|other| !one.eq_ignore_ascii_case(other)));
    is_other.then_some(known)
}

fn mask_address(address: Option<&str>) -> String {
    mask_addresses(address.unwrap_or("none")).into_owned()
}

fn warn_not_created(user_id: &str, why: &str) {
    tracing::warn!(
        user = %mask_addresses(user_id), why = %mask_addresses(why),
        "a user of the configuration was not made; give it another user_id or address, or use another directory"
    );
}
