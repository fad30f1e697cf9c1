//! Making a linked identity a separate user again.

use std::sync::Arc;

use super::entry_state::EntryState;
use super::event_merge::add_factors;
use super::journal::{Entry, EntryId, EntryKind, Snapshot, SnapshotState};
use super::journal_entries::append_entry;
use super::journal_query::EntryFilter;
use super::provenance::Provenance;
use super::records::{Records, TxResult, conflict};
use super::users::{first_version, get_user, replace_user};
use crate::model::{
    ApiError, Identity, Timestamp, User, mask_addresses, note_separation, user_from_identity,
};

/// A request to make a linked identity a separate user again.
#[derive(Debug, Clone, PartialEq)]
pub struct Unlink {
    /// The user that has the identity.
    pub primary: String,
    /// The identity's provider.
    pub provider: String,
    /// The identity's id, without the provider's prefix.
    pub user_id: String,
    /// The link whose snapshot gives the separated user its profile and its metadata back, if it is
    /// the last one that moved the identity. Without one, the user has the profile of the identity.
    pub restores: Option<EntryId>,
    /// Whether the separated user keeps the second factors of the account that it leaves. Without
    /// them, whoever has its password alone could log in. Only a person whose mailbox was proved is
    /// separated without: a factor of the account may be somebody else's.
    pub keeps_factors: bool,
    /// The actor, and the evidence.
    pub provenance: Arc<Provenance>,
    /// The time of the unlink.
    pub now: Timestamp,
}

/// Makes a linked identity a separate user, and returns the user that it left.
pub(super) fn unlink(records: &mut dyn Records, unlink: &Unlink) -> TxResult<Arc<User>> {
    let Unlink { primary, provider, user_id, restores, keeps_factors, provenance, now } = unlink;
    let stored = get_user(records, primary)?;
    let mut rest = User::clone(&stored.user);
    let place = rest.identities.iter().position(|it| it.provider == *provider && it.user_id == *user_id);
    let identity = match place {
        // Recorded from Auth0: it answers 200 and changes nothing.
        None => return Ok(stored.user),
        Some(0) => return Err(ApiError::Invalid("the main identity cannot be removed".to_owned()).into()),
        Some(place) => rest.identities.remove(place),
    };
    let last = find_last_move(records, &identity)?;
    let restored = restores.as_ref().filter(|link| last.as_ref().is_some_and(|last| last.link == **link));
    let mut separated = match (&last, restored) {
        (Some(last), Some(_)) => last.restore(&identity),
        _ => user_from_identity(&identity, *now),
    };
    // The stricter value counts: the own factors from before the link, and those of the account.
    if let Some(last) = &last {
        add_factors(&mut separated, &last.moved);
    }
    if *keeps_factors && !rest.mfa_factors().is_empty() {
        add_factors(&mut separated, &rest);
    }
    let staying: Vec<String> = rest.identities.iter().map(Identity::as_user_id).collect();
    let by = provenance.actor.separation_mark();
    let noted = [
        note_separation(&mut rest, [separated.user_id.as_str()], by, *now),
        note_separation(&mut separated, staying.iter().map(String::as_str), by, *now),
    ];
    for why in noted.into_iter().filter_map(Result::err) {
        tracing::warn!(user = &*mask_addresses(primary), %why, "an unlink was not recorded: the pair may be linked again");
    }
    rest.updated_at = Some(*now);

    let sides = [primary.as_str(), &separated.user_id];
    let entry = Entry::new(EntryKind::Unlink, sides, (provenance, *now), records.ambient());
    append_entry(records, entry)?;
    let rest = replace_user(records, rest, stored.version)?;
    if !records.move_identity(&identity, primary, &separated.user_id)? {
        return Err(conflict(primary));
    }
    let version = first_version(records.ambient());
    if !records.add_user(&Arc::new(separated), version)? {
        return Err(conflict(primary));
    }
    Ok(rest)
}

/// The last link that moved an identity which was a user of its own.
struct LastMove {
    link: EntryId,
    /// The user as it was before.
    moved: Arc<User>,
}

impl LastMove {
    /// Returns the user as it was before the link, with this identity alone.
    fn restore(&self, identity: &Identity) -> User {
        let own = Identity { profile_data: None, ..identity.clone() };
        User { identities: vec![own], ..User::clone(&self.moved) }
    }
}

/// Finds the link that moved an identity last. `None` if its snapshot cannot be read, or if a later
/// change has moved the identity.
fn find_last_move(records: &mut dyn Records, identity: &Identity) -> TxResult<Option<LastMove>> {
    let id = identity.as_user_id();
    let entries = records.entries(&EntryFilter::for_user(&id))?;
    let moves = |entry: &&Entry| {
        entry.secondary == id
            && entry.undone.is_none()
            && entry.state != EntryState::Abandoned
            && matches!(entry.kind, EntryKind::Link | EntryKind::Unlink)
    };
    let Some(last) = entries.iter().find(moves).filter(|last| last.kind == EntryKind::Link) else {
        return Ok(None);
    };
    let Some(Entry { kept: SnapshotState::Whole(Snapshot { secondary, .. }), .. }) =
        records.entry(&last.id)?
    else {
        return Ok(None);
    };
    Ok((secondary.user_id == id).then(|| LastMove { link: last.id.clone(), moved: secondary }))
}
