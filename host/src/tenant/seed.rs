//! Users of the configuration, made if they are not there.

use super::Tenant;
use super::config::{Connection, SeedUser};
use super::passwords::Passwords;
use crate::directory::{Credential, Stored};
use crate::login::{ApiError, IdentityKey, Timestamp, mask_addresses};

impl Tenant {
    /// Makes the configuration's users that are not there.
    pub(super) fn seed(&self) -> Result<(), ApiError> {
        let now = Timestamp::now();
        for seed in &self.config.users {
            if let Some(connection) = self.config.connection(&seed.connection) {
                self.seed_one(seed, connection, now)?;
            }
        }
        Ok(())
    }

    fn seed_one(&self, seed: &SeedUser, connection: &Connection, now: Timestamp) -> Result<(), ApiError> {
        let user = seed.made(connection, now);
        let id = user.user_id.split_once('|').map_or("", |(_, id)| id).to_owned();
        let key = IdentityKey { connection: &connection.name, provider: connection.provider(), user_id: &id };
        match self.directory.owner(key) {
            // From an earlier start, or linked since.
            Ok(Some(owner)) => {
                tell_other_address(&user.user_id, user.email.as_deref(), &owner);
                return Ok(());
            }
            Ok(None) => {}
            Err(ApiError::Invalid(why)) => {
                tell_not_made(&user.user_id, &why);
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
                password: seed.password.as_deref().and_then(Passwords::cheap_hash),
            };
            self.directory.sign_up(user, &credential)
        } else {
            self.directory.create(user)
        };
        match made {
            Ok(_) => Ok(()),
            // Its address is somebody else's in that database. The users that are
            // there matter more than those of the configuration.
            Err(ApiError::Invalid(why) | ApiError::AlreadyLinked(why)) => {
                tell_not_made(&user_id, &why);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Whoever expects the configuration's user would log in as somebody else.
fn tell_other_address(user_id: &str, configured: Option<&str>, owner: &Stored) {
    let user = &owner.user;
    let known = if user.user_id == user_id {
        user.email.as_deref()
    } else {
        let identity = user.identities.iter().find(|it| it.as_user_id() == user_id);
        identity.and_then(|it| it.profile_data.as_ref()?.get("email")?.as_str())
    };
    let is_same = match (configured, known) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, _) => true,
        (Some(_), None) => false,
    };
    if !is_same {
        let masked = |address: Option<&str>| mask_addresses(address.unwrap_or("none")).into_owned();
        tracing::warn!(
            user = %mask_addresses(user_id), configured = masked(configured), in_directory = masked(known),
            "a user of the configuration is in the directory with another address, and was left as it is; \
             give it another user_id in the configuration, or use another directory"
        );
    }
}

fn tell_not_made(user_id: &str, why: &str) {
    tracing::warn!(
        user = %mask_addresses(user_id), why = %mask_addresses(why),
        "a user of the configuration was not made; give it another user_id or address, or use another directory"
    );
}
