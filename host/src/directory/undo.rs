//! Undoing a link.

use std::sync::Arc;

use ligature_linking_marks::LINKING;

use super::assumed_connection::apply_known_connections;
use super::entry_state::EntryState;
use super::journal::{Entry, EntryId, EntryKind, MetadataChange, Snapshot, SnapshotState};
use super::journal_entries::append_entry;
use super::journal_query::EntryFilter;
use super::provenance::Provenance;
use super::records::{Records, TxError, TxResult, conflict};
use super::stored::Stored;
use super::undo_refusal::{UndoRefusal, UndoRefusalKind};
use super::users::{first_version, replace_user};
use crate::model::{
    ApiError, Identity, Metadata, Timestamp, User, identities_of_secondary, note_separation,
    revert_carried_marks,
};

/// A request to undo a link.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    /// The link's entry in the journal.
    pub id: EntryId,
    /// The actor.
    pub provenance: Arc<Provenance>,
    /// The time of the undo.
    pub now: Timestamp,
    /// Whether to only report the effect.
    pub dry_run: bool,
}

/// The effect of an undo.
#[derive(Debug, Clone, PartialEq)]
pub struct Undoing {
    /// The entry of the link.
    pub link: Entry,
    /// The primary after the undo.
    pub primary: Arc<User>,
    /// The secondary, which is a user again.
    pub secondary: Arc<User>,
    /// The differences from the state before the link, one sentence each.
    pub not_restored: Vec<String>,
}

/// The reason why a link cannot be undone. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// The undo is refused.
    #[error(transparent)]
    Refused(UndoRefusal),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] ApiError),
}

/// The users to write.
pub(super) struct UndoPlan {
    undoing: Undoing,
    primary_version: u64,
}

impl UndoPlan {
    /// Returns the effect of the undo.
    pub(super) fn into_undoing(self) -> Undoing {
        self.undoing
    }
}

/// The reason why an undo cannot be planned.
enum PlanError {
    Refused(UndoRefusal),
    Transaction(TxError),
}

impl From<TxError> for PlanError {
    fn from(interrupted: TxError) -> Self {
        Self::Transaction(interrupted)
    }
}

/// The reads that planning an undo needs.
pub(super) trait UndoReads {
    /// Returns an entry of the journal, with its snapshot.
    fn entry(&mut self, id: &EntryId) -> TxResult<Option<Entry>>;
    /// Returns every entry of a user, the newest first, without their snapshots.
    fn entries_of(&mut self, user_id: &str) -> TxResult<Vec<Entry>>;
    /// Returns a user by its id.
    fn user(&mut self, user_id: &str) -> TxResult<Option<Stored>>;
    /// Returns the id of the user that has an identity.
    fn owner_id(&mut self, provider: &str, user_id: &str) -> TxResult<Option<String>>;
    /// Returns whether an undo restores the profiles of the time of the link. A tenant makes
    /// the secondary from its profile of now.
    fn restores_profiles(&self) -> bool;
}

impl UndoReads for &mut (dyn Records + '_) {
    fn entry(&mut self, id: &EntryId) -> TxResult<Option<Entry>> {
        (**self).entry(id)
    }

    fn entries_of(&mut self, user_id: &str) -> TxResult<Vec<Entry>> {
        (**self).entries(&EntryFilter::for_user(user_id))
    }

    fn user(&mut self, user_id: &str) -> TxResult<Option<Stored>> {
        (**self).user(user_id)
    }

    fn owner_id(&mut self, provider: &str, user_id: &str) -> TxResult<Option<String>> {
        Ok((**self).owner(provider, user_id)?.map(|owner| owner.user_id))
    }

    fn restores_profiles(&self) -> bool {
        true
    }
}

/// Refuses an undo.
fn refuse_undo<T>(kind: UndoRefusalKind, why: String) -> Result<T, PlanError> {
    Err(PlanError::Refused(UndoRefusal { kind, why }))
}

/// Undoes a link.
pub(super) fn undo(records: &mut dyn Records, undo: &Undo) -> TxResult<Result<Undoing, UndoError>> {
    let UndoPlan { undoing, primary_version } = match plan_undo(&mut &mut *records, undo)? {
        Ok(plan) => plan,
        Err(error) => return Ok(Err(error)),
    };
    let Undoing { link, primary, secondary, .. } = &undoing;
    let sides = [link.primary.as_str(), &link.secondary];
    let entry = Entry {
        undoes: Some(link.id.clone()),
        ..Entry::new(EntryKind::Undo, sides, (&undo.provenance, undo.now), records.ambient())
    };
    if !records.mark_undone(&link.id, &entry.id, undo.now)? {
        return Err(conflict(&link.primary));
    }
    append_entry(records, entry)?;
    replace_user(records, User::clone(primary), primary_version)?;
    for identity in &secondary.identities {
        if !records.move_identity(identity, &link.primary, &link.secondary)? {
            return Err(conflict(&link.primary));
        }
    }
    let version = first_version(records.ambient());
    if !records.add_user(secondary, version)? {
        return Err(conflict(&link.secondary));
    }
    Ok(Ok(undoing))
}

/// Plans the undo of a link, without changing anything.
pub(super) fn plan_undo(records: &mut dyn UndoReads, undo: &Undo) -> TxResult<Result<UndoPlan, UndoError>> {
    match make_plan(records, undo) {
        Ok(plan) => Ok(Ok(plan)),
        Err(PlanError::Refused(why)) => Ok(Err(UndoError::Refused(why))),
        Err(PlanError::Transaction(TxError::Failed(error))) => Ok(Err(error.into())),
        Err(PlanError::Transaction(again)) => Err(again),
    }
}

/// Checks that the link can be undone, and derives both users.
fn make_plan(records: &mut dyn UndoReads, undo: &Undo) -> Result<UndoPlan, PlanError> {
    let (link, Snapshot { secondary, touched, .. }) = get_undoable_link(records, &undo.id)?;
    let Some(stored) = records.user(&link.primary)? else {
        return refuse_undo(UndoRefusalKind::Gone, explain_missing_primary(records, &link)?);
    };
    // A login since may have settled a connection that an import had assumed.
    let secondary = apply_known_connections(User::clone(&secondary), &stored.user);
    for identity in &secondary.identities {
        if !stored.user.identities.iter().any(|it| it.key() == identity.key()) {
            let why = explain_missing_identity(records, &identity.as_user_id(), &link.primary)?;
            return refuse_undo(UndoRefusalKind::Gone, why);
        }
    }

    for identity in &secondary.identities {
        refuse_if_moved_again(records, &link, &identity.as_user_id())?;
    }

    let mut not_restored = Vec::new();
    let mut primary = User::clone(&stored.user);
    for (name, held, changed) in [
        ("user_metadata", &mut primary.user_metadata, &touched.user_metadata),
        ("app_metadata", &mut primary.app_metadata, &touched.app_metadata),
    ] {
        if let Some(changed) = changed {
            let is_written = link.state == EntryState::Done;
            revert_metadata(held, changed, is_written).map_err(|key| {
                let why = format!(
                    "`{name}.{key}` of {} was changed again since the link; set it to what the link wrote, and undo \
                     again",
                    link.primary
                );
                PlanError::Refused(UndoRefusal { kind: UndoRefusalKind::MetadataChanged, why })
            })?;
        }
    }
    let returned = |id: &str| secondary.identities.iter().any(|it| it.as_user_id() == id);
    if records.restores_profiles() {
        note_changed_profiles(&primary, &secondary, link.at, &mut not_restored);
    }
    primary.identities.retain(|it| !returned(&it.as_user_id()));
    match primary.identities.as_mut_slice() {
        [own] if touched.own_profile_added => own.profile_data = None,
        [_, _, ..] if touched.own_profile_added => not_restored.push(format!(
            "The first identity of {} keeps its `profileData`, even after all others are unlinked.",
            link.primary
        )),
        _ => {}
    }
    primary.updated_at =
        if primary.updated_at == Some(link.at) { touched.updated_at } else { Some(undo.now) };
    let logins = primary.logins_count.unwrap_or(0).saturating_sub(touched.logins_count.unwrap_or(0));
    if logins > 0 {
        let logins = if logins == 1 { "One login".to_owned() } else { format!("{logins} logins") };
        not_restored.push(format!(
            "{logins} since the link counted for {}, whichever identity was used; this does not change.",
            link.primary
        ));
    }
    if primary.blocked && !secondary.blocked {
        not_restored.push(format!(
            "{} is blocked, and {} is not: whoever has its login can log in. Block it too, if they must not.",
            link.primary, link.secondary
        ));
    }
    not_restored.push(format!(
        "Sessions and refresh tokens that {} had before the link are not in the directory.",
        link.secondary
    ));

    let mut secondary = secondary;
    let ids = |user: &User| user.identities.iter().map(Identity::as_user_id).collect::<Vec<_>>();
    let (staying, separated) = (ids(&primary), ids(&secondary));
    let by = undo.provenance.actor.separation_mark();
    let mut marked = Vec::new();
    for (user, others) in [(&mut primary, separated), (&mut secondary, staying)] {
        if note_separation(user, others.iter().map(String::as_str), by, undo.now).is_err() {
            not_restored.push(format!(
                "`app_metadata.linking` of {} is not of the documented form and was left alone: the pair may be linked \
                 again at the next login.",
                user.user_id
            ));
        } else {
            marked.push(user.user_id.as_str());
        }
    }
    if !marked.is_empty() {
        not_restored.push(format!(
            "`app_metadata.linking` of {} says that the accounts were separated: no login links them for the policy's \
             `unlink_cooldown_days`.",
            marked.join(" and ")
        ));
    }
    let undoing = Undoing { link, primary: Arc::new(primary), secondary: Arc::new(secondary), not_restored };
    Ok(UndoPlan { undoing, primary_version: stored.version })
}

/// Returns the entry and the snapshot of a link that can be undone.
fn get_undoable_link(records: &mut dyn UndoReads, id: &EntryId) -> Result<(Entry, Snapshot), PlanError> {
    let Some(mut entry) = records.entry(id)? else {
        let error = ApiError::NotFound(format!("the journal has no entry {id}"));
        return Err(TxError::from(error).into());
    };
    if let Some(undone) = &entry.undone {
        let why = format!("the link was undone already, at {}, by {}", undone.at, undone.by);
        return refuse_undo(UndoRefusalKind::AlreadyUndone, why);
    }
    match (entry.kind, entry.state) {
        (EntryKind::Link, EntryState::Abandoned) => {
            return refuse_undo(
                UndoRefusalKind::NotALink,
                "the accounts were not linked: the tenant did not carry out the change".to_owned(),
            );
        }
        (EntryKind::Link, EntryState::Intended) => {
            return refuse_undo(
                UndoRefusalKind::Unfinished,
                "it is not known whether the accounts were linked; `ligature journal repair` finds out"
                    .to_owned(),
            );
        }
        _ => {}
    }
    let not_a_link = |what: &str| {
        refuse_undo(UndoRefusalKind::NotALink, format!("this entry is {what}; only links can be undone"))
    };
    match (entry.kind, std::mem::replace(&mut entry.kept, SnapshotState::Unread)) {
        (EntryKind::Unlink, _) => not_a_link("an unlink"),
        (EntryKind::Undo, _) => not_a_link("an undo"),
        (EntryKind::Block | EntryKind::Unblock, _) => not_a_link("not a link"),
        (EntryKind::Link, SnapshotState::Whole(snapshot)) => Ok((entry, snapshot)),
        (EntryKind::Link, SnapshotState::Sealed { key }) => refuse_undo(
            UndoRefusalKind::Sealed,
            format!(
                "the user that the link removed is encrypted with the key {key}; name its file with --journal-key"
            ),
        ),
        (EntryKind::Link, _) => refuse_undo(
            UndoRefusalKind::Erased,
            "the user that the link removed was erased from the journal, so the link cannot be \
             undone"
                .to_owned(),
        ),
    }
}

/// Fails if the identity was unlinked or linked again since. It then belongs to a later
/// link, whose user the old snapshot must not replace.
fn refuse_if_moved_again(records: &mut dyn UndoReads, link: &Entry, identity: &str) -> Result<(), PlanError> {
    let later = records.entries_of(identity)?.into_iter().find(|entry| {
        entry.secondary == identity
            && entry.place > link.place
            && entry.undone.is_none()
            && entry.state != EntryState::Abandoned
            && matches!(entry.kind, EntryKind::Link | EntryKind::Unlink)
    });
    match later {
        None => Ok(()),
        Some(later) => refuse_undo(
            UndoRefusalKind::MovedAgain,
            format!(
                "{identity} was {} since, at {}: undo that instead, {}",
                if later.kind == EntryKind::Link { "linked again" } else { "unlinked" },
                later.at,
                later.id
            ),
        ),
    }
}

/// Explains why the primary of a link no longer exists.
fn explain_missing_primary(records: &mut dyn UndoReads, link: &Entry) -> Result<String, PlanError> {
    let gone = format!("{} is gone", link.primary);
    let Some((provider, id)) = link.primary.split_once('|') else { return Ok(gone) };
    let Some(owner) = records.owner_id(provider, id)? else {
        return Ok(format!("{gone}: it was deleted since the link, and with it all its identities"));
    };
    let later = records.entries_of(&link.primary)?.into_iter().find(|entry| {
        entry.kind == EntryKind::Link
            && entry.secondary == link.primary
            && entry.undone.is_none()
            && entry.state != EntryState::Abandoned
    });
    let first = later.map_or_else(String::new, |later| format!("; undo that link first: {}", later.id));
    Ok(format!("{} has itself become an identity of {owner} since{first}", link.primary))
}

/// Explains why the primary of a link no longer has an identity.
fn explain_missing_identity(
    records: &mut dyn UndoReads,
    identity: &str,
    primary: &str,
) -> Result<String, PlanError> {
    let owner = match identity.split_once('|') {
        Some((provider, id)) => records.owner_id(provider, id)?,
        None => None,
    };
    Ok(match owner {
        Some(owner) if owner == identity => {
            format!("{identity} was unlinked from {primary} since, and is a separate user")
        }
        Some(owner) => format!("{identity} has become an identity of {owner} since"),
        None => format!("{identity} was deleted since the link"),
    })
}

/// Reverts a change of metadata. Fails with the first key that was changed again. The
/// entries of later logins and separations in `linking` stay. A change that may not have
/// been written may also be absent.
fn revert_metadata(
    held: &mut Option<Metadata>,
    change: &MetadataChange,
    is_written: bool,
) -> Result<(), String> {
    let mut object = held.take().unwrap_or_default();
    let mut restored = change.before.clone();
    for key in change.before.keys().chain(change.after.keys()) {
        let (now, before, after) = (object.get(key), change.before.get(key), change.after.get(key));
        if now == after || (!is_written && now == before) {
            continue;
        }
        let linking = now.filter(|_| key == LINKING).and_then(|now| revert_carried_marks(now, before, after));
        match linking {
            None => {
                let key = key.clone();
                *held = Some(object);
                return Err(key);
            }
            // Without marks it is empty; the separation then adds its own.
            Some(linking) => drop(restored.insert(key.clone(), linking)),
        }
    }
    object.retain(|key, _| !change.after.contains_key(key));
    object.extend(restored);
    *held = (!(change.was_absent && object.is_empty())).then_some(object);
    Ok(())
}

/// Notes the profiles that later logins have changed: the undo restores their state at
/// the link.
fn note_changed_profiles(primary: &User, secondary: &User, at: Timestamp, notes: &mut Vec<String>) {
    for linked in identities_of_secondary(secondary) {
        let now = primary.identities.iter().find(|it| it.key() == linked.key());
        if now.is_some_and(|now| now.profile_data != linked.profile_data) {
            notes.push(format!(
                "Later changes to the profile of {} are lost: the profile is that of {at}.",
                linked.as_user_id()
            ));
        }
    }
}
