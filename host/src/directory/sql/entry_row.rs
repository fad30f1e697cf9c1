//! The journal's entries as rows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::connection::Row;
use super::rows::{damaged, missing, text_of, time, unwritable};
use super::seal::{Opened, Seal};
use crate::directory::journal::{
    Actor, Entry, EntryId, Evidence, Kept, Kind, PluginVersion, Provenance, Snapshot, Undone,
};
use crate::directory::records::Done;
use crate::login::{Reason, mask_addresses};

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
/// undone at, snapshot.
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
    let kept = match (kind, row.bytes(8)?) {
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
