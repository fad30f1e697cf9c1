//! Conflicts as rows.

use super::columns::{damaged, missing, required_text, time_param, timestamp, unwritable};
use super::connection::{Connection, Param, Row};
use crate::directory::conflict::{Conflict, ConflictFilter, ConflictKey, Settled};
use crate::directory::records::TxResult;

/// The columns of a conflict.
macro_rules! select_conflict {
    ($rest:literal) => {
        concat!(
            "SELECT conflict_key, code, user_ids, first_at, last_at, times, latest, settled_at, settled_by, note \
             FROM conflicts ",
            $rest
        )
    };
}

/// Reads a conflict from the columns of [`select_conflict`].
fn read_conflict(row: &dyn Row) -> TxResult<Conflict> {
    let time = |column, name| row.int(column)?.and_then(timestamp).ok_or_else(|| missing(name));
    let user_ids = required_text(row, 2, "user_ids")?;
    let settled = match row.int(7)?.and_then(timestamp) {
        None => None,
        Some(at) => Some(Settled {
            at,
            by: required_text(row, 8, "settled_by")?.to_owned(),
            note: required_text(row, 9, "note")?.to_owned(),
        }),
    };
    let read = |error: String| damaged("a conflict", error);
    Ok(Conflict {
        key: required_text(row, 0, "conflict_key")?.parse().map_err(read)?,
        code: required_text(row, 1, "code")?.to_owned(),
        user_ids: serde_json::from_str(user_ids).map_err(|error| damaged("a conflict", error))?,
        first_at: time(3, "first_at")?,
        last_at: time(4, "last_at")?,
        times: row.int(5)?.and_then(|times| u64::try_from(times).ok()).ok_or_else(|| missing("times"))?,
        latest: required_text(row, 6, "latest")?.parse().map_err(read)?,
        settled,
    })
}

fn read_conflicts(
    connection: &mut impl Connection,
    statement: &'static str,
    params: &[Param<'_>],
) -> TxResult<Vec<Conflict>> {
    let mut found = Vec::new();
    connection.query(statement, params, &mut |row| {
        found.push(read_conflict(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Returns a conflict by its key.
pub(super) fn find(connection: &mut impl Connection, key: &ConflictKey) -> TxResult<Option<Conflict>> {
    let statement = select_conflict!("WHERE conflict_key = $1");
    read_conflicts(connection, statement, &[key.as_str().into()]).map(|mut found| found.pop())
}

/// Returns the conflicts that match, in the order of the filter.
pub(super) fn list(connection: &mut impl Connection, filter: &ConflictFilter<'_>) -> TxResult<Vec<Conflict>> {
    let limit = Param::from(i64::try_from(filter.limit).unwrap_or(i64::MAX).unsigned_abs());
    let statement = match filter.settled {
        true => select_conflict!(
            "WHERE settled_at IS NOT NULL AND settled_at <= $1 AND (settled_at < $1 OR conflict_key < $2) \
             ORDER BY settled_at DESC, conflict_key DESC LIMIT $3"
        ),
        false => select_conflict!(
            "WHERE settled_at IS NULL AND first_at >= $1 AND (first_at > $1 OR conflict_key > $2) \
             ORDER BY first_at, conflict_key LIMIT $3"
        ),
    };
    let (time, key) = match (&filter.after, filter.settled) {
        (Some((time, key)), _) => (time_param(*time), key.as_str()),
        (None, true) => (Param::Int(Some(i64::MAX)), ""),
        (None, false) => (Param::Int(Some(0)), ""),
    };
    read_conflicts(connection, statement, &[time, key.into(), limit])
}

/// The values of a conflict that change.
struct Changing<'a> {
    last_at: Param<'a>,
    times: Param<'a>,
    latest: Param<'a>,
    settled_at: Param<'a>,
    settled_by: Param<'a>,
    note: Param<'a>,
}

fn changing(conflict: &Conflict) -> Changing<'_> {
    let settled = conflict.settled.as_ref();
    Changing {
        last_at: time_param(conflict.last_at),
        times: conflict.times.into(),
        latest: conflict.latest.as_str().into(),
        settled_at: settled.map_or(Param::Int(None), |it| time_param(it.at)),
        settled_by: Param::Text(settled.map(|it| it.by.as_str())),
        note: Param::Text(settled.map(|it| it.note.as_str())),
    }
}

/// Adds a conflict. Returns false if there is one with its key.
pub(super) fn add(connection: &mut impl Connection, conflict: &Conflict) -> TxResult<bool> {
    let user_ids = serde_json::to_string(&conflict.user_ids).map_err(|error| unwritable(&error))?;
    let Changing { last_at, times, latest, settled_at, settled_by, note } = changing(conflict);
    let added = connection.execute(
        "INSERT INTO conflicts (conflict_key, code, user_ids, first_at, last_at, times, latest, settled_at, \
         settled_by, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        &[
            conflict.key.as_str().into(),
            (&conflict.code).into(),
            (&user_ids).into(),
            time_param(conflict.first_at),
            last_at,
            times,
            latest,
            settled_at,
            settled_by,
            note,
        ],
    )?;
    Ok(added == 1)
}

/// Replaces a conflict that had happened `before` times. Returns false if it has happened again since.
pub(super) fn replace(connection: &mut impl Connection, conflict: &Conflict, before: u64) -> TxResult<bool> {
    let Changing { last_at, times, latest, settled_at, settled_by, note } = changing(conflict);
    let changed = connection.execute(
        "UPDATE conflicts SET last_at = $1, times = $2, latest = $3, settled_at = $4, settled_by = $5, note = $6 \
         WHERE conflict_key = $7 AND times = $8",
        &[
            last_at,
            times,
            latest,
            settled_at,
            settled_by,
            note,
            conflict.key.as_str().into(),
            before.into(),
        ],
    )?;
    Ok(changed == 1)
}
