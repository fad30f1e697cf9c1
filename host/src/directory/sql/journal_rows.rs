//! Journal entries as rows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::columns::{damaged, missing, required_text, time_param, timestamp, unwritable};
use super::connection::{Connection, Param, Row};
use super::seal::{Seal, Unsealed};
use crate::ambient::Ambient;
use crate::directory::entry_state::EntryState;
use crate::directory::journal::{
    Entry, EntryId, EntryKind, Snapshot, SnapshotSelection, SnapshotState, UndoneLink,
};
use crate::directory::journal_query::EntryFilter;
use crate::directory::provenance::{Actor, Evidence, PluginVersion, Provenance};
use crate::directory::records::{TxError, TxResult};
use crate::model::{ApiError, Moment, Reason, mask_addresses};

/// Builds a statement that reads entries, from its clauses.
macro_rules! select_entry {
    ($snapshot:literal, $rest:literal) => {
        concat!(
            "SELECT entry_id, kind, at, primary_id, secondary_id, record, undone_by, undone_at, place, state, ",
            $snapshot,
            " FROM journal ",
            $rest
        )
    };
}

/// The part of an entry that is stored as JSON.
#[derive(Serialize, Deserialize)]
struct Record {
    actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<PluginVersion>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoes: Option<EntryId>,
}

/// Reads an entry from the columns of [`select_entry`].
fn read_entry(row: &dyn Row, seal: &Seal) -> TxResult<Entry> {
    let id = |column, name| {
        required_text(row, column, name)?
            .parse::<EntryId>()
            .map_err(|error| damaged("a journal entry", error))
    };
    let entry_id = id(0, "entry_id")?;
    let kind = serde_json::Value::from(required_text(row, 1, "kind")?);
    let record = required_text(row, 5, "record")?;
    let record: Record = serde_json::from_str(record).map_err(|error| damaged("a journal entry", error))?;
    let kind: EntryKind = serde_json::from_value(kind).map_err(|error| damaged("a journal entry", error))?;
    let undone = match row.int(7)?.and_then(timestamp) {
        Some(at) => Some(UndoneLink { by: id(6, "undone_by")?, at }),
        None => None,
    };
    let state = required_text(row, 9, "state")?;
    let state =
        EntryState::from_name(state).ok_or_else(|| damaged("a journal entry", "its state is unknown"))?;
    let kept = match (kind, row.bytes(10)?) {
        (EntryKind::Link, None) => SnapshotState::Forgotten,
        (_, None) => SnapshotState::Nothing,
        (_, Some([])) => SnapshotState::Unread,
        (_, Some(sealed)) => match seal.unseal(sealed, entry_id.as_str()) {
            Ok(Unsealed::Text(text)) => {
                let snapshot: Snapshot =
                    serde_json::from_slice(&text).map_err(|error| damaged("a journal snapshot", error))?;
                SnapshotState::Whole(snapshot)
            }
            Ok(Unsealed::OtherKey(key)) => SnapshotState::Sealed { key },
            Err(error) => return Err(damaged("a journal snapshot", error)),
        },
    };
    Ok(Entry {
        id: entry_id,
        kind,
        at: row.int(2)?.and_then(timestamp).ok_or_else(|| missing("at"))?,
        place: read_place(row, 8)?.ok_or_else(|| missing("place"))?,
        primary: required_text(row, 3, "primary_id")?.to_owned(),
        secondary: required_text(row, 4, "secondary_id")?.to_owned(),
        provenance: Arc::new(Provenance {
            actor: record.actor,
            evidence: record.evidence,
            policy_sha256: record.policy_sha256,
            plugin: record.plugin,
        }),
        reasons: record.reasons.into(),
        state,
        undoes: record.undoes,
        undone,
        kept,
    })
}

/// Checks that these texts are an entry's kind and record.
pub(super) fn check(kind: &str, record: &str) -> serde_json::Result<()> {
    serde_json::from_value::<EntryKind>(kind.into())?;
    serde_json::from_str::<Record>(record).map(drop)
}

/// Returns the part of an entry that is stored as JSON.
pub(super) fn record(entry: &Entry) -> TxResult<String> {
    let masked =
        |reason: &Reason| Reason { detail: mask_addresses(&reason.detail).into_owned(), ..reason.clone() };
    let Provenance { actor, evidence, policy_sha256, plugin } = entry.provenance.as_ref();
    let record = Record {
        actor: actor.clone(),
        evidence: evidence.clone(),
        policy_sha256: policy_sha256.clone(),
        plugin: plugin.clone(),
        reasons: entry.reasons.iter().map(masked).collect(),
        undoes: entry.undoes.clone(),
    };
    serde_json::to_string(&record).map_err(|error| unwritable(&error))
}

/// Reads a position in the journal.
fn read_place(row: &dyn Row, column: usize) -> TxResult<Option<Moment>> {
    let micros = row.int(column)?.and_then(|micros| u64::try_from(micros).ok());
    Ok(micros.map(Moment::from_micros))
}

/// Returns the snapshot of an entry, sealed.
pub(super) fn seal_snapshot(entry: &Entry, seal: &Seal) -> TxResult<Option<Vec<u8>>> {
    let SnapshotState::Whole(snapshot) = &entry.kept else { return Ok(None) };
    let text = serde_json::to_vec(snapshot).map_err(|error| unwritable(&error))?;
    let sealed = seal.seal(text, entry.id.as_str());
    sealed.map(Some).map_err(|error| ApiError::Other(error).into())
}

/// Adds an entry, with its snapshot sealed.
pub(super) fn add(connection: &mut impl Connection, entry: &Entry, seal: &Seal) -> TxResult<()> {
    let snapshot = seal_snapshot(entry, seal)?;
    connection.execute(
        "INSERT INTO journal (entry_id, kind, at, place, primary_id, secondary_id, record, snapshot, state) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            entry.id.as_str().into(),
            entry.kind.as_str().into(),
            time_param(entry.at),
            entry.place.as_micros().into(),
            (&entry.primary).into(),
            (&entry.secondary).into(),
            (&record(entry)?).into(),
            Param::Bytes(snapshot.as_deref()),
            entry.state.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Marks a link as undone. Returns `false` if it already was.
pub(super) fn mark_undone(
    connection: &mut impl Connection,
    id: &EntryId,
    undone: UndoneLink,
) -> TxResult<bool> {
    let changed = connection.execute(
        "UPDATE journal SET undone_by = $1, undone_at = $2 WHERE entry_id = $3 AND undone_by IS NULL",
        &[undone.by.as_str().into(), time_param(undone.at), id.as_str().into()],
    )?;
    Ok(changed == 1)
}

/// Withdraws the mark of an undo that did not happen. Returns `false` if another undo set the mark.
pub(super) fn clear_undone(connection: &mut impl Connection, id: &EntryId, by: &EntryId) -> TxResult<bool> {
    let changed = connection.execute(
        "UPDATE journal SET undone_by = NULL, undone_at = NULL WHERE entry_id = $1 AND undone_by = $2",
        &[id.as_str().into(), by.as_str().into()],
    )?;
    Ok(changed == 1)
}

/// Sets the state of an entry. Returns `false` if it is not in the state `from`.
pub(super) fn set_state(
    connection: &mut impl Connection,
    id: &EntryId,
    from: EntryState,
    to: EntryState,
) -> TxResult<bool> {
    let changed = connection.execute(
        "UPDATE journal SET state = $1 WHERE entry_id = $2 AND state = $3",
        &[to.as_str().into(), id.as_str().into(), from.as_str().into()],
    )?;
    Ok(changed == 1)
}

/// Claims a user for an unfinished entry. Returns `false` if another one holds the user.
pub(super) fn add_claim(connection: &mut impl Connection, user_id: &str, id: &EntryId) -> TxResult<bool> {
    let changed = connection.execute(
        "INSERT INTO claims (user_id, entry_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[user_id.into(), id.as_str().into()],
    )?;
    Ok(changed == 1)
}

/// Releases the users that an entry holds.
pub(super) fn remove_claims(connection: &mut impl Connection, id: &EntryId) -> TxResult<()> {
    connection.execute("DELETE FROM claims WHERE entry_id = $1", &[id.as_str().into()])?;
    Ok(())
}

/// Erases snapshots, except for those of unfinished entries, which their completion needs. Returns
/// their number.
pub(super) fn forget_snapshots(
    connection: &mut impl Connection,
    selection: &SnapshotSelection,
) -> TxResult<u64> {
    match selection {
        SnapshotSelection::Before(time) => connection.execute(
            "UPDATE journal SET snapshot = NULL WHERE at < $1 AND snapshot IS NOT NULL \
                 AND state NOT IN ('intended', 'linked')",
            &[time_param(*time)],
        ),
        SnapshotSelection::User(user_id) => connection.execute(
            "UPDATE journal SET snapshot = NULL WHERE (primary_id = $1 OR secondary_id = $1) \
                 AND snapshot IS NOT NULL AND state NOT IN ('intended', 'linked')",
            &[user_id.into()],
        ),
    }
}

/// Runs a statement that reads entries.
fn read_entries(
    connection: &mut impl Connection,
    statement: &'static str,
    params: &[Param<'_>],
    seal: &Seal,
) -> TxResult<Vec<Entry>> {
    let mut found = Vec::new();
    connection.query(statement, params, &mut |row| {
        found.push(read_entry(row, seal)?);
        Ok(())
    })?;
    Ok(found)
}

/// Returns an entry, with its snapshot.
pub(super) fn find_by_id(
    connection: &mut impl Connection,
    id: &EntryId,
    seal: &Seal,
) -> TxResult<Option<Entry>> {
    let statement = select_entry!("snapshot", "WHERE entry_id = $1");
    read_entries(connection, statement, &[id.as_str().into()], seal).map(|mut found| found.pop())
}

/// Returns the matching entries, the newest first, without their snapshots. Unset conditions are
/// passed as values that match everything, so that only two statements are needed.
pub(super) fn list(
    connection: &mut impl Connection,
    filter: &EntryFilter<'_>,
    seal: &Seal,
) -> TxResult<Vec<Entry>> {
    let (place, id) = match &filter.before {
        Some((place, id)) => (Param::from(place.as_micros()), id.as_str()),
        None => (Param::Int(Some(i64::MAX)), ""),
    };
    let kind = filter.kind.map_or("", EntryKind::as_str);
    let state = filter.state.map_or("", EntryState::as_str);
    let since = time_param(filter.since.unwrap_or_default());
    let until = filter.until.map_or(Param::Int(Some(i64::MAX)), time_param);
    let limit = Param::from(filter.limit as u64);
    match filter.user_id {
        None => read_entries(
            connection,
            select_entry!(
                "substr(snapshot, 1, 0)",
                "WHERE place <= $1 AND (place < $1 OR entry_id < $2) AND at >= $3 AND at <= $4 AND ($5 = '' OR kind = $5) \
                 AND ($6 = '' OR state = $6) ORDER BY place DESC, entry_id DESC LIMIT $7"
            ),
            &[place, id.into(), since, until, kind.into(), state.into(), limit],
            seal,
        ),
        Some(user_id) => read_entries(
            connection,
            select_entry!(
                "substr(snapshot, 1, 0)",
                "WHERE (primary_id = $1 OR secondary_id = $1) AND place <= $2 AND (place < $2 OR entry_id < $3) \
                 AND at >= $4 AND at <= $5 AND ($6 = '' OR kind = $6) AND ($7 = '' OR state = $7) \
                 ORDER BY place DESC, entry_id DESC LIMIT $8"
            ),
            &[user_id.into(), place, id.into(), since, until, kind.into(), state.into(), limit],
            seal,
        ),
    }
}

/// Returns the unfinished entries of a user or of all, the oldest first, without their snapshots.
pub(super) fn list_unfinished(
    connection: &mut impl Connection,
    user_id: Option<&str>,
    limit: usize,
    seal: &Seal,
) -> TxResult<Vec<Entry>> {
    let user_id = user_id.unwrap_or("");
    read_entries(
        connection,
        select_entry!(
            "substr(snapshot, 1, 0)",
            "WHERE state IN ('intended', 'linked') AND ($1 = '' OR primary_id = $1 OR secondary_id = $1) \
             ORDER BY place, entry_id LIMIT $2"
        ),
        &[user_id.into(), (limit as u64).into()],
        seal,
    )
}

/// Returns the latest position of an entry of either user.
pub(super) fn last_place(connection: &mut impl Connection, [one, other]: [&str; 2]) -> TxResult<Moment> {
    // `+ 0` keeps query planners from scanning the whole index of positions for an entry of these
    // users.
    list_newest(
        connection,
        "SELECT MAX(place) FROM (SELECT place + 0 AS place FROM journal WHERE primary_id IN ($1, $2) \
         UNION ALL SELECT place + 0 FROM journal WHERE secondary_id IN ($1, $2)) AS entries",
        &[one.into(), other.into()],
    )
}

/// Advances the clock of moments, so that every later entry follows all existing ones, even if the
/// system clock was set back.
pub(super) fn advance_past_entries(
    connection: &mut impl Connection,
    ambient: &Ambient,
) -> Result<(), String> {
    match list_newest(connection, "SELECT MAX(place) FROM journal", &[]) {
        Ok(newest) => ambient.pass_moment(newest),
        Err(TxError::Failed(error)) => return Err(error.to_string()),
        Err(TxError::Conflict(why)) => return Err(why),
    }
    Ok(())
}

/// Runs a statement that reads one position.
pub(super) fn list_newest(
    connection: &mut impl Connection,
    statement: &'static str,
    params: &[Param<'_>],
) -> TxResult<Moment> {
    let mut newest = Moment::default();
    connection.query(statement, params, &mut |row| {
        newest = read_place(row, 0)?.unwrap_or_default();
        Ok(())
    })?;
    Ok(newest)
}

/// Returns the IDs of entries that begin with this prefix.
pub(super) fn find_ids(
    connection: &mut impl Connection,
    prefix: &str,
    limit: usize,
) -> TxResult<Vec<EntryId>> {
    let mut found = Vec::new();
    connection.query(
        "SELECT entry_id FROM journal WHERE substr(entry_id, 1, length($1)) = $1 LIMIT $2",
        &[prefix.into(), (limit as u64).into()],
        &mut |row| {
            let id = required_text(row, 0, "entry_id")?;
            found.push(id.parse().map_err(|error: String| damaged("a journal entry", error))?);
            Ok(())
        },
    )?;
    Ok(found)
}
