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
