//! The journal's entries as rows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::connection::{Connection, Param, Row};
use super::rows::{Rows, damaged, millis, missing, select_entry, text_of, time, unwritable};
use super::seal::{Opened, Seal};
use crate::ambient::Ambient;
use crate::directory::journal::{
    Actor, Entry, EntryId, Evidence, Kept, Kind, PluginVersion, Provenance, Snapshot, Undone,
};
use crate::directory::journal_query::Wanted;
use crate::directory::records::{Done, Interrupted};
use crate::model::{Moment, Reason, Timestamp, mask_addresses};

/// What of an entry is one JSON text.
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

/// An entry of the columns id, kind, at, primary, secondary, record, undone by,
/// undone at, place, snapshot.
pub(super) fn entry(row: &dyn Row, seal: &Seal) -> Done<Entry> {
    let id = |column, name| {
        text_of(row, column, name)?.parse::<EntryId>().map_err(|error| damaged("a journal entry", error))
    };
    let entry_id = id(0, "entry_id")?;
    let kind = serde_json::Value::from(text_of(row, 1, "kind")?);
    let record = text_of(row, 5, "record")?;
    let record: Record = serde_json::from_str(record).map_err(|error| damaged("a journal entry", error))?;
    let kind: Kind = serde_json::from_value(kind).map_err(|error| damaged("a journal entry", error))?;
    let undone = match row.int(7)?.and_then(time) {
        Some(at) => Some(Undone { by: id(6, "undone_by")?, at }),
        None => None,
    };
    let kept = match (kind, row.bytes(9)?) {
        (Kind::Link, None) => Kept::Forgotten,
        (_, None) => Kept::Nothing,
        (_, Some([])) => Kept::Unread,
        (_, Some(sealed)) => match seal.open(sealed, entry_id.as_str()) {
            Ok(Opened::Text(text)) => {
                let snapshot: Snapshot =
                    serde_json::from_slice(&text).map_err(|error| damaged("a journal snapshot", error))?;
                Kept::Whole(snapshot)
            }
            Ok(Opened::OtherKey(key)) => Kept::Sealed { key },
            Err(error) => return Err(damaged("a journal snapshot", error)),
        },
    };
    Ok(Entry {
        id: entry_id,
        kind,
        at: row.int(2)?.and_then(time).ok_or_else(|| missing("at"))?,
        place: place(row, 8)?.ok_or_else(|| missing("place"))?,
        primary: text_of(row, 3, "primary_id")?.to_owned(),
        secondary: text_of(row, 4, "secondary_id")?.to_owned(),
        provenance: Arc::new(Provenance {
            actor: record.actor,
            evidence: record.evidence,
            policy_sha256: record.policy_sha256,
            plugin: record.plugin,
        }),
        reasons: record.reasons.into(),
        undoes: record.undoes,
        undone,
        kept,
    })
}

/// Whether these are an entry's kind and record.
pub(super) fn check(kind: &str, record: &str) -> serde_json::Result<()> {
    serde_json::from_value::<Kind>(kind.into())?;
    serde_json::from_str::<Record>(record).map(drop)
}

/// What of an entry is one JSON text.
pub(super) fn record(entry: &Entry) -> Done<String> {
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

fn place(row: &dyn Row, column: usize) -> Done<Option<Moment>> {
    let micros = row.int(column)?.and_then(|micros| u64::try_from(micros).ok());
    Ok(micros.map(Moment::from_micros))
}

/// Entries in their order, the newest first. No value is left out where nothing is
/// asked: the statements stay two.
pub(super) fn list<C: Connection>(rows: &mut Rows<'_, C>, wanted: &Wanted<'_>) -> Done<Vec<Entry>> {
    let (place, id) = match &wanted.before {
        Some((place, id)) => (Param::from(place.as_micros()), id.as_str()),
        None => (Param::Int(Some(i64::MAX)), ""),
    };
    let kind = wanted.kind.map_or("", Kind::as_str);
    let since = millis(wanted.since.unwrap_or_default());
    let until = wanted.until.map_or(Param::Int(Some(i64::MAX)), |until: Timestamp| millis(until));
    let limit = Param::from(wanted.limit as u64);
    match wanted.user_id {
        None => rows.read_entries(
            select_entry!(
                "substr(snapshot, 1, 0)",
                "WHERE place <= $1 AND (place < $1 OR entry_id < $2) AND at >= $3 AND at <= $4 AND ($5 = '' OR kind = $5) \
                 ORDER BY place DESC, entry_id DESC LIMIT $6"
            ),
            &[place, id.into(), since, until, kind.into(), limit],
        ),
        Some(user_id) => rows.read_entries(
            select_entry!(
                "substr(snapshot, 1, 0)",
                "WHERE (primary_id = $1 OR secondary_id = $1) AND place <= $2 AND (place < $2 OR entry_id < $3) \
                 AND at >= $4 AND at <= $5 AND ($6 = '' OR kind = $6) ORDER BY place DESC, entry_id DESC LIMIT $7"
            ),
            &[user_id.into(), place, id.into(), since, until, kind.into(), limit],
        ),
    }
}

/// The newest place of two users' entries.
pub(super) fn last_place(connection: &mut impl Connection, [one, other]: [&str; 2]) -> Done<Moment> {
    // `+ 0` keeps the planners from walking the whole journal by the index of places
    // until an entry of this user comes.
    newest(
        connection,
        "SELECT MAX(place) FROM (SELECT place + 0 AS place FROM journal WHERE primary_id IN ($1, $2) \
         UNION ALL SELECT place + 0 FROM journal WHERE secondary_id IN ($1, $2)) AS entries",
        &[one.into(), other.into()],
    )
}

/// Makes every later entry come behind all that are there, whatever the clock says.
pub(super) fn go_on_behind(connection: &mut impl Connection, ambient: &Ambient) -> Result<(), String> {
    match newest(connection, "SELECT MAX(place) FROM journal", &[]) {
        Ok(newest) => ambient.pass_moment(newest),
        Err(Interrupted::Answer(error)) => return Err(error.to_string()),
        Err(Interrupted::Again(why)) => return Err(why),
    }
    Ok(())
}

fn newest(connection: &mut impl Connection, statement: &'static str, params: &[Param<'_>]) -> Done<Moment> {
    let mut newest = Moment::default();
    connection.query(statement, params, &mut |row| {
        newest = place(row, 0)?.unwrap_or_default();
        Ok(())
    })?;
    Ok(newest)
}

pub(super) fn ids(connection: &mut impl Connection, beginning: &str, limit: usize) -> Done<Vec<EntryId>> {
    let mut found = Vec::new();
    connection.query(
        "SELECT entry_id FROM journal WHERE substr(entry_id, 1, length($1)) = $1 LIMIT $2",
        &[beginning.into(), (limit as u64).into()],
        &mut |row| {
            let id = text_of(row, 0, "entry_id")?;
            found.push(id.parse().map_err(|error: String| damaged("a journal entry", error))?);
            Ok(())
        },
    )?;
    Ok(found)
}
