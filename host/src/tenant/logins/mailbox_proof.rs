//! The proof of a mailbox: it verifies the address and unlinks identities that were linked before.
//!
//! An attacker can sign up with another person's address and link an identity of their own. With
//! that identity they could still log in after the person has reset the password (a trojan
//! identity).

use std::sync::Arc;

use crate::directory::{Actor, Administration, Entry, EntryKind, Evidence, JournalQuery, Provenance, Unlink};
use crate::model::{ApiError, Identity, Moment, Timestamp, User, Verification, mask_addresses};

/// The number of journal entries that are searched, newest first.
const NEWEST: usize = 1_000;

/// The proof, in the evidence of a separation.
const MAILBOX: &str = "mailbox";

/// A proof of the mailbox of a database identity.
#[derive(Clone, Copy)]
pub(crate) struct MailboxProof<'a> {
    /// The identity, as `auth0|id`.
    pub(crate) identity: &'a str,
    /// The address of the mailbox.
    pub(crate) email: &'a str,
    pub(crate) now: Timestamp,
}

/// Unlinks the proved identity from identities that a user linked with it before this address was
/// proved. Links made by an import or by a login stay.
pub(crate) fn part_unproved_links(
    directory: &dyn Administration,
    owner: &User,
    proof: MailboxProof<'_>,
) -> Result<(), ApiError> {
    let MailboxProof { identity, now, .. } = proof;
    let is_own = owner.user_id == identity;
    let links = WilledLinks::read(directory, owner, identity)?;
    let is_unproved = if is_own {
        links.made_into(owner).any(|link| !links.was_proved(link, owner, proof))
    } else {
        !is_proved_secondary(owner, proof) && links.any()
    };
    if !is_unproved && !links.are_cut {
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

/// The links that users or applications have made with an account or with one of its identities.
struct WilledLinks {
    links: Vec<Entry>,
    /// The place of the last separation after a proof of a mailbox.
    last_separation: Option<Moment>,
    /// Whether the journal has more entries than are searched. Someone may have made them to hide a
    /// link.
    are_cut: bool,
}

impl WilledLinks {
    fn read(directory: &dyn Administration, owner: &User, identity: &str) -> Result<Self, ApiError> {
        let of = |user_id: &str| {
            directory.journal(&JournalQuery {
                user_id: Some(user_id.to_owned()),
                limit: NEWEST,
                ..JournalQuery::default()
            })
        };
        let mut entries = of(&owner.user_id)?;
        let mut are_cut = entries.len() >= NEWEST;
        if owner.user_id != identity {
            let own = of(identity)?;
            are_cut |= own.len() >= NEWEST;
            entries.extend(own);
        }
        let last_separation = entries
            .iter()
            .filter(|it| it.kind.separates_accounts() && is_reason_of(&it.provenance))
            .map(|it| it.place)
            .max();
        let is_by_will = |actor: &Actor| matches!(actor, Actor::User { .. } | Actor::Client { .. });
        entries.retain(|it| it.kind == EntryKind::Link && is_by_will(&it.provenance.actor));
        Ok(Self { links: entries, last_separation, are_cut })
    }

    fn any(&self) -> bool {
        !self.links.is_empty()
    }

    fn made_into<'a>(&'a self, owner: &'a User) -> impl Iterator<Item = &'a Entry> {
        self.links.iter().filter(|it| it.primary == owner.user_id)
    }

    /// Returns whether the account had this address, and had proved it, at the time of a link into it.
    /// For links without recorded evidence, the current state of the address counts.
    fn was_proved(&self, link: &Entry, owner: &User, proof: MailboxProof<'_>) -> bool {
        let Some(evidence) = &link.provenance.evidence else { return owner.email_verified.is_verified() };
        if evidence.verified_email.is_none() {
            return false;
        }
        // An account that has changed its address is separated once. The links since then are new.
        evidence.verifies(proof.email) || self.last_separation.is_some_and(|last| link.place < last)
    }
}

/// Returns whether a linked identity had this address, and had proved it, when it was linked: its
/// profile is of that time.
fn is_proved_secondary(owner: &User, proof: MailboxProof<'_>) -> bool {
    let linked = owner.identities.iter().find(|it| it.as_user_id() == proof.identity);
    let profile = linked.and_then(|it| it.profile_data.as_ref());
    profile.is_some_and(|it| {
        let has_address = it.get("email").and_then(|it| it.as_str());
        has_address.is_some_and(|email| email.eq_ignore_ascii_case(proof.email))
            && it.get("email_verified").is_some_and(|it| *it == true)
    })
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

    use serde_json::{Value, json};

    use super::{MailboxProof, NEWEST, part_unproved_links, verify_email};
    use crate::ambient::Ambient;
    use crate::directory::{
        Actor, Administration, CheckedLink, Directory, Evidence, Memory, Provenance, Unlink,
    };
    use crate::model::{LinkRequest, User, Verification};

    const VICTIM: &str = "auth0|1";
    const TROJAN: &str = "google-oauth2|2";
    const ADDRESS: &str = "1@example.com";

    fn user(id: &str, more: &Value) -> User {
        let (provider, own) = id.split_once('|').unwrap();
        let mut user = json!({
            "user_id": id, "email": format!("{own}@example.com"),
            "identities": [{ "provider": provider, "user_id": own, "connection": provider }],
        });
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(user).unwrap()
    }

    fn memory(victim: &Value) -> Memory {
        Memory::with_users(&Ambient::system(), [user(VICTIM, victim), user(TROJAN, &json!({}))])
    }

    /// The user of the primary links the secondary.
    fn link(memory: &Memory, primary: &str, secondary: &str) {
        let provenance = Provenance {
            actor: Actor::User { user_id: primary.to_owned() },
            evidence: Some(Evidence::from_request(&memory.get(primary).unwrap().user)),
            policy_sha256: None,
            plugin: None,
        };
        let link = CheckedLink {
            request: LinkRequest {
                primary: primary.to_owned(),
                secondary: secondary.to_owned(),
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
    }

    fn unlink(memory: &Memory, primary: &str, secondary: &str) {
        let (provider, user_id) = secondary.split_once('|').unwrap();
        let unlink = Unlink {
            restores: None,
            keeps_factors: false,
            primary: primary.to_owned(),
            provider: provider.to_owned(),
            user_id: user_id.to_owned(),
            provenance: Arc::new(Provenance::operator("test")),
            now: memory.ambient().now(),
        };
        memory.unlink(&unlink).unwrap();
    }

    /// An application changes the address, which nobody has verified then.
    fn change_address(memory: &Memory, email: &str) {
        let stored = memory.get(VICTIM).unwrap();
        let user = User {
            email: Some(email.to_owned()),
            email_verified: Verification::Unverified,
            ..User::clone(&stored.user)
        };
        memory.update(user, stored.version).unwrap();
    }

    /// The owner of a mailbox proves an identity of `owner`. Returns the number of identities left.
    fn prove(memory: &Memory, owner: &str, identity: &str, email: &str) -> usize {
        let now = memory.ambient().now();
        let stored = memory.get(owner).unwrap().user;
        part_unproved_links(memory, &stored, MailboxProof { identity, email, now }).unwrap();
        verify_email(memory, owner, email, now).unwrap();
        memory.get(owner).unwrap().user.identities.len()
    }

    /// A link by a user from before the proof, which older versions have made, is undone although the
    /// address was verified first. The account's factor may be the attacker's: it does not follow.
    #[test]
    fn a_link_from_before_the_proof_is_parted_though_the_address_was_verified() {
        let memory = memory(&json!({ "multifactor": ["otp"] }));
        link(&memory, VICTIM, TROJAN);
        assert!(verify_email(&memory, VICTIM, ADDRESS, memory.ambient().now()).unwrap());
        assert_eq!(prove(&memory, VICTIM, VICTIM, ADDRESS), 1);
        let parted = memory.get(TROJAN).unwrap().user;
        assert!(parted.mfa_factors().is_empty(), "{parted:?}");
        assert_eq!(memory.get(VICTIM).unwrap().user.mfa_factors(), ["otp"]);
    }

    /// The attacker verifies an address of their own, links, and changes the address to the victim's.
    /// The second address is masked like the victim's.
    #[test]
    fn a_link_from_before_a_change_of_the_address_is_parted() {
        for before in ["eve@evil.example", "1.eve@example.com"] {
            let memory = memory(&json!({ "email": before, "email_verified": true }));
            link(&memory, VICTIM, TROJAN);
            change_address(&memory, ADDRESS);
            assert_eq!(prove(&memory, VICTIM, VICTIM, ADDRESS), 1, "{before}");
        }
    }

    #[test]
    fn a_link_of_the_proved_address_stays() {
        let memory = memory(&json!({ "email_verified": true }));
        link(&memory, VICTIM, TROJAN);
        assert_eq!(prove(&memory, VICTIM, VICTIM, "1@Example.com"), 2);
    }

    /// The owner has changed the address: the next proof separates once, and no link after it.
    #[test]
    fn an_account_whose_address_was_changed_is_separated_once() {
        let memory = memory(&json!({ "email": "former@example.com", "email_verified": true }));
        link(&memory, VICTIM, TROJAN);
        change_address(&memory, ADDRESS);
        assert_eq!(prove(&memory, VICTIM, VICTIM, ADDRESS), 1);
        link(&memory, VICTIM, TROJAN);
        assert_eq!(prove(&memory, VICTIM, VICTIM, ADDRESS), 2);
    }

    /// The attacker signs up with the victim's address, and links that account into their own.
    #[test]
    fn an_unproved_account_leaves_the_account_that_took_it() {
        for verified in [false, true] {
            let memory = Memory::with_users(
                &Ambient::system(),
                [
                    user(TROJAN, &json!({ "email_verified": true })),
                    user(VICTIM, &json!({ "email": "eve@evil.example", "email_verified": verified })),
                ],
            );
            link(&memory, TROJAN, VICTIM);
            // The address of the credential is the victim's since.
            assert_eq!(prove(&memory, TROJAN, VICTIM, ADDRESS), 1, "{verified}");
            assert_eq!(memory.get(VICTIM).unwrap().user.identities.len(), 1);
        }
        let memory = Memory::with_users(
            &Ambient::system(),
            [
                user(TROJAN, &json!({ "email_verified": true })),
                user(VICTIM, &json!({ "email_verified": true })),
            ],
        );
        link(&memory, TROJAN, VICTIM);
        assert_eq!(prove(&memory, TROJAN, VICTIM, ADDRESS), 2, "the same address, verified");
    }

    #[test]
    fn later_entries_hide_no_link() {
        let memory = memory(&json!({}));
        link(&memory, VICTIM, TROJAN);
        assert!(verify_email(&memory, VICTIM, ADDRESS, memory.ambient().now()).unwrap());
        for _ in 0..NEWEST / 2 {
            unlink(&memory, VICTIM, TROJAN);
            link(&memory, VICTIM, TROJAN);
        }
        assert_eq!(prove(&memory, VICTIM, VICTIM, ADDRESS), 1);
    }
}
