//! The first proof of a mailbox. Whoever made an account with somebody else's
//! address may have linked an identity of their own to it, by which they would
//! stay in the account once its owner has reset the password (a trojan identity).

use std::sync::Arc;

use crate::directory::{Actor, Evidence, JournalQuery, Kind, Provenance, Unlink};
use crate::model::{ApiError, Identity, User, mask_addresses};
use crate::tenant::state::Tenant;

/// Entries of the journal that are looked at.
const NEWEST: usize = 1_000;

impl Tenant {
    /// Parts the identity of a database (`auth0|id`) from those that were linked
    /// with it by a user's will before anybody had proved its address. Links of an
    /// import and of logins stay.
    pub(crate) fn part_unproved_links(&self, owner: &User, identity: &str) -> Result<(), ApiError> {
        if !self.has_unproved_links(&owner.user_id, is_proved(owner, identity))? {
            return Ok(());
        }
        let is_own = owner.user_id == identity;
        if !is_own && is_proved(owner, identity) {
            return Ok(());
        }
        let leaves =
            |it: &&Identity| if is_own { it.as_user_id() != identity } else { it.as_user_id() == identity };
        for leaving in owner.identities.iter().filter(leaves) {
            self.directory.unlink(&Unlink {
                primary: owner.user_id.clone(),
                provider: leaving.provider.clone(),
                user_id: leaving.user_id.clone(),
                provenance: Arc::new(Provenance {
                    actor: Actor::User { user_id: identity.to_owned() },
                    evidence: None,
                    policy_sha256: None,
                    plugin: None,
                }),
                now: self.ambient.now(),
            })?;
            tracing::warn!(
                target: "audit", primary = %mask_addresses(&owner.user_id),
                identity = %mask_addresses(&leaving.as_user_id()),
                "a mailbox was proved: an identity that was linked before anybody had proved it is parted"
            );
        }
        Ok(())
    }

    /// Whether a user has linked something to this account when its address was not
    /// verified. Of links that do not say so, its address tells as it is now.
    fn has_unproved_links(&self, user_id: &str, is_proved: bool) -> Result<bool, ApiError> {
        let was_unproved = |evidence: &Option<Evidence>| match evidence {
            Some(evidence) => evidence.verified_email.is_none(),
            None => !is_proved,
        };
        let query =
            JournalQuery { user_id: Some(user_id.to_owned()), limit: NEWEST, ..JournalQuery::default() };
        let is_by_will = |actor: &Actor| matches!(actor, Actor::User { .. } | Actor::Client { .. });
        let entries = self.directory.journal(&query)?;
        Ok(entries.iter().any(|it| {
            it.kind == Kind::Link
                && it.primary == user_id
                && is_by_will(&it.provenance.actor)
                && was_unproved(&it.provenance.evidence)
        }))
    }
}

/// Whether the address of this identity is verified.
fn is_proved(owner: &User, identity: &str) -> bool {
    if owner.user_id == identity {
        return owner.email_verified.is_verified();
    }
    let linked = owner.identities.iter().find(|it| it.as_user_id() == identity);
    let profile = linked.and_then(|it| it.profile_data.as_ref());
    profile.and_then(|it| it.get("email_verified")).is_some_and(|it| *it == true)
}
