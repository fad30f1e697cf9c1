//! The proof of a mailbox: it verifies the address and unlinks identities that were linked before.
//!
//! An attacker can sign up with another person's address and link an identity of their own. With
//! that identity they could still log in after the person has reset the password (a trojan
//! identity).

use std::sync::Arc;

use crate::directory::{Actor, Administration, EntryKind, Evidence, JournalQuery, Provenance, Unlink};
use crate::model::{ApiError, Identity, Timestamp, User, Verification, mask_addresses};

/// The number of journal entries that are searched, newest first.
const NEWEST: usize = 1_000;

/// The proof, in the evidence of a separation.
const MAILBOX: &str = "mailbox";

/// Unlinks a database identity (`auth0|id`) from identities that a user linked with it before its
/// address was proved. Links made by an import or by a login stay.
pub(crate) fn part_unproved_links(
    directory: &dyn Administration,
    owner: &User,
    identity: &str,
    now: Timestamp,
) -> Result<(), ApiError> {
    if !has_unproved_links(directory, &owner.user_id, is_proved(owner, identity))? {
        return Ok(());
    }
    let is_own = owner.user_id == identity;
    if !is_own && is_proved(owner, identity) {
        return Ok(());
    }
    let leaves =
        |it: &&Identity| if is_own { it.as_user_id() != identity } else { it.as_user_id() == identity };
    for leaving in owner.identities.iter().filter(leaves) {
        directory.unlink(&Unlink {
            restores: None,
            keeps_factors: false,
            primary: owner.user_id.clone(),
            provider: leaving.provider.clone(),
            user_id: leaving.user_id.clone(),
            provenance: Arc::new(Provenance {
                actor: Actor::User { user_id: identity.to_owned() },
                evidence: Some(Evidence {
                    methods: vec![MAILBOX.to_owned()],
                    ..Evidence::from_request(owner)
                }),
                policy_sha256: None,
                plugin: None,
            }),
            now,
        })?;
        tracing::warn!(
            target: "audit", primary = %mask_addresses(&owner.user_id),
            identity = %mask_addresses(&leaving.as_user_id()),
            "a mailbox was proved: an identity that was linked before that proof was unlinked"
        );
    }
    Ok(())
}

/// Returns whether a separation was made because a mailbox was proved.
pub(crate) fn is_reason_of(separation: &Provenance) -> bool {
    separation.evidence.as_ref().is_some_and(|it| it.methods.iter().any(|method| method == MAILBOX))
}

/// Returns whether a user has linked an identity to this account while its address was not
/// verified. For links without recorded evidence, the current state of the address counts.
fn has_unproved_links(
    directory: &dyn Administration,
    user_id: &str,
    is_proved: bool,
) -> Result<bool, ApiError> {
    let was_unproved = |evidence: &Option<Evidence>| match evidence {
        Some(evidence) => evidence.verified_email.is_none(),
        None => !is_proved,
    };
    let query = JournalQuery { user_id: Some(user_id.to_owned()), limit: NEWEST, ..JournalQuery::default() };
    let is_by_will = |actor: &Actor| matches!(actor, Actor::User { .. } | Actor::Client { .. });
    let entries = directory.journal(&query)?;
    Ok(entries.iter().any(|it| {
        it.kind == EntryKind::Link
            && it.primary == user_id
            && is_by_will(&it.provenance.actor)
            && was_unproved(&it.provenance.evidence)
    }))
}

/// Returns whether the address of this identity is verified.
fn is_proved(owner: &User, identity: &str) -> bool {
    if owner.user_id == identity {
        return owner.email_verified.is_verified();
    }
    let linked = owner.identities.iter().find(|it| it.as_user_id() == identity);
    let profile = linked.and_then(|it| it.profile_data.as_ref());
    profile.and_then(|it| it.get("email_verified")).is_some_and(|it| *it == true)
}

/// Marks an address of a user as verified. Returns whether the user still has that
/// address.
pub(crate) fn verify_email(
    directory: &dyn Administration,
    user_id: &str,
    email: &str,
    now: Timestamp,
) -> Result<bool, ApiError> {
    for _ in 0..5 {
        let stored = match directory.get(user_id) {
            Ok(stored) => stored,
            // The account was linked in the meantime: its address is now in a profile, where it
            // proves nothing.
            Err(ApiError::NotFound(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if stored.user.email.as_deref() != Some(email) {
            return Ok(false);
        }
        if stored.user.email_verified.is_verified() {
            return Ok(true);
        }
        let user = User {
            email_verified: Verification::Verified,
            updated_at: Some(now),
            ..User::clone(&stored.user)
        };
        match directory.update(user, stored.version) {
            Ok(_) => return Ok(true),
            Err(ApiError::StateChanged(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(ApiError::StateChanged(user_id.to_owned()))
}

/// Marks an address as verified after another change that has already been made. A failure is only
/// logged, because reporting it would suggest that the other change had failed.
pub(crate) fn try_verify_email(directory: &dyn Administration, user_id: &str, email: &str, now: Timestamp) {
    if let Err(error) = verify_email(directory, user_id, email, now) {
        tracing::warn!(error = %mask_addresses(&error.to_string()), "an address stays unverified");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::part_unproved_links;
    use crate::ambient::Ambient;
    use crate::directory::{Actor, Administration, CheckedLink, Directory, Evidence, Memory, Provenance};
    use crate::model::{LinkRequest, User};

    const VICTIM: &str = "auth0|1";
    const TROJAN: &str = "google-oauth2|2";

    fn user(id: &str, factors: &[&str]) -> User {
        let (provider, own) = id.split_once('|').unwrap();
        let user = json!({
            "user_id": id, "email": format!("{own}@example.com"), "multifactor": factors,
            "identities": [{ "provider": provider, "user_id": own, "connection": provider }],
        });
        serde_json::from_value(user).unwrap()
    }

    /// A link by a user from before the proof, which older versions have made, is undone although the
    /// address was verified first. The account's factor may be the attacker's: it does not follow.
    #[test]
    fn a_link_from_before_the_proof_is_parted_though_the_address_was_verified() {
        let memory = Memory::with_users(&Ambient::system(), [user(VICTIM, &["otp"]), user(TROJAN, &[])]);
        let owner = memory.get(VICTIM).unwrap().user;
        let provenance = Provenance {
            actor: Actor::User { user_id: VICTIM.to_owned() },
            evidence: Some(Evidence::from_request(&owner)),
            policy_sha256: None,
            plugin: None,
        };
        let link = CheckedLink {
            request: LinkRequest {
                primary: VICTIM.to_owned(),
                secondary: TROJAN.to_owned(),
                user_metadata: None,
                app_metadata: None,
                reasons: Arc::new([]),
            },
            primary_version: None,
            secondary_version: None,
            read: None,
            provenance: Arc::new(provenance),
            now: memory.ambient().now(),
        };
        memory.link(&link).unwrap();
        let now = memory.ambient().now();
        assert!(super::verify_email(&memory, VICTIM, "1@example.com", now).unwrap());
        let owner = memory.get(VICTIM).unwrap().user;
        part_unproved_links(&memory, &owner, VICTIM, now).unwrap();
        assert_eq!(memory.get(VICTIM).unwrap().user.identities.len(), 1);
        let parted = memory.get(TROJAN).unwrap().user;
        assert!(parted.mfa_factors().is_empty(), "{parted:?}");
        assert_eq!(memory.get(VICTIM).unwrap().user.mfa_factors(), ["otp"]);
    }
}
