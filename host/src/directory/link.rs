//! Linking two users.

use std::cmp::Ordering;
use std::sync::Arc;

use super::journal::{Entry, EntryKind, PrimaryChange, Snapshot, SnapshotState};
use super::journal_entries::append_entry;
use super::provenance::Provenance;
use super::records::{Records, TxError, TxResult, conflict};
use super::stored::Stored;
use super::users::get_at_version;
use crate::ambient::Ambient;
use crate::model::{ApiError, LinkRequest, Moment, Timestamp, User, absorb};

/// A link, with the versions of both users that the decision was based on.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedLink {
    /// The requested link.
    pub request: LinkRequest,
    /// The version that the primary must be at; none for any.
    pub primary_version: Option<u64>,
    /// The version that the secondary must be at; none for any.
    pub secondary_version: Option<u64>,
    /// Both users as [`Directory::read_pair`](super::Directory::read_pair) has just read them at these versions, if
    /// the directory of the link has.
    pub read: Option<Box<ReadPair>>,
    /// The actor, and the evidence.
    pub provenance: Arc<Provenance>,
    /// The time of the link.
    pub now: Timestamp,
}

impl CheckedLink {
    /// Returns this link with a run of a backfill in its evidence.
    #[must_use]
    pub fn of_run(mut self, run_id: &str) -> Self {
        let provenance = Arc::make_mut(&mut self.provenance);
        provenance.evidence.get_or_insert_default().backfill_run = Some(run_id.to_owned());
        self
    }
}

/// The two users of a link, as they were read for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPair {
    /// The user that stays.
    pub primary: Arc<User>,
    /// The user that becomes identities of the primary.
    pub secondary: Arc<User>,
    /// The place of the newest entry of the journal about either, before they were read.
    pub place: Moment,
}

/// The result of reading the two users of a link.
#[derive(Debug, Clone, PartialEq)]
pub struct PairReading {
    /// The users, primary first, each with its version; or why it could not be read.
    pub users: [Result<Stored, ApiError>; 2],
    /// The place of the newest entry of the journal about either, before they were read. None
    /// if the directory reads both again when it links them, in one transaction.
    pub place: Option<Moment>,
}

/// Links two users. The journal is written first, so that a reader of this function
/// sees that nothing is destroyed unrecorded.
pub(super) fn link(records: &mut dyn Records, link: &CheckedLink) -> TxResult<Arc<User>> {
    let CheckedLink { request, primary_version, secondary_version, .. } = link;
    is_primary_first(request)?;
    let mut side = |user_id: &str, version| get_at_version(records, user_id, version);
    let sides = side(&request.primary, *primary_version)
        .and_then(|primary| Ok((primary, side(&request.secondary, *secondary_version)?)));
    let (primary, secondary) = match sides {
        Ok(sides) => sides,
        Err(why @ TxError::Failed(ApiError::StateChanged(_) | ApiError::NotFound(_))) => {
            // If another link was faster, that is the reason to report.
            refuse_if_linked(records, &request.secondary)?;
            refuse_if_linked(records, &request.primary)?;
            return Err(why);
        }
        Err(other) => return Err(other),
    };
    link_read(records, link, [&primary, &secondary])
}

/// Returns whether the id of the primary precedes that of the secondary. `invalid` if they are equal.
fn is_primary_first(request: &LinkRequest) -> TxResult<bool> {
    match request.primary.cmp(&request.secondary) {
        Ordering::Less => Ok(true),
        Ordering::Greater => Ok(false),
        Ordering::Equal => {
            Err(ApiError::Invalid("primary and secondary are the same user".to_owned()).into())
        }
    }
}

/// Computes a link of two users, primary first: the primary as it will be, and the journal's entry, which
/// has no place yet.
pub(super) fn compute_link(
    ambient: &Ambient,
    link: &CheckedLink,
    [primary, secondary]: [&Stored; 2],
) -> (Arc<User>, Entry) {
    let CheckedLink { request, provenance, now, .. } = link;
    let linked = Arc::new(absorb(&primary.user, &secondary.user, request, *now));
    let touched = PrimaryChange::between(&primary.user, &linked);
    let sides = [request.primary.as_str(), &request.secondary];
    let entry = Entry {
        kept: SnapshotState::Whole(Snapshot { secondary: secondary.user.clone(), touched, access: None }),
        reasons: request.reasons.clone(),
        ..Entry::new(EntryKind::Link, sides, (provenance, *now), ambient)
    };
    (linked, entry)
}

/// Links two users as this transaction has just read them, primary first.
fn link_read(
    records: &mut dyn Records,
    link: &CheckedLink,
    [primary, secondary]: [&Stored; 2],
) -> TxResult<Arc<User>> {
    let request = &link.request;
    let is_primary_first = is_primary_first(request)?;
    let (linked, entry) = compute_link(records.ambient(), link, [primary, secondary]);
    append_entry(records, entry)?;

    // Both rows are locked in one order, whichever is the primary: two links of the
    // same pair must not deadlock. After a conflict the transaction runs again, and
    // finds out whether the accounts were linked or only changed.
    let replace = |records: &mut dyn Records| {
        let replaced = records.replace_user(&linked, primary.version)?;
        if replaced { Ok(()) } else { Err(conflict(&request.primary)) }
    };
    if is_primary_first {
        replace(records)?;
    }
    if !records.remove_user(&request.secondary, secondary.version)? {
        return Err(conflict(&request.secondary));
    }
    if !is_primary_first {
        replace(records)?;
    }
    for identity in &secondary.user.identities {
        if !records.move_identity(identity, &request.secondary, &request.primary)? {
            return Err(conflict(&request.secondary));
        }
    }
    Ok(linked)
}

/// Fails if the user has become an identity of another user.
fn refuse_if_linked(records: &mut dyn Records, user_id: &str) -> TxResult<()> {
    let Some((provider, id)) = user_id.split_once('|') else { return Ok(()) };
    match records.owner(provider, id)? {
        Some(owner) if owner.user_id != user_id => {
            Err(ApiError::AlreadyLinked(format!("{user_id} is already an identity of {}", owner.user_id))
                .into())
        }
        _ => Ok(()),
    }
}
