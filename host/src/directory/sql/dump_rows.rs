//! Credentials and journal entries as rows, for a dump.

use super::columns::{damaged, missing, required_text};
use super::connection::{Connection, Param};
use super::seal::{Seal, Unsealed};
use super::{credential_rows, journal_rows};
use crate::directory::credential::Credential;
use crate::directory::entry_state::EntryState;
use crate::directory::journal_row::{JournalColumns, JournalRow};
use crate::directory::records::TxResult;
use crate::model::ApiError;

/// Returns the credentials that follow this ID and connection in order.
pub(super) fn credentials(
    connection: &mut impl Connection,
    (user_id, name): (&str, &str),
    limit: usize,
) -> TxResult<Vec<Credential>> {
    let mut found = Vec::new();
    connection.query(
        "SELECT connection, user_id, email, username, password FROM credentials \
         WHERE (user_id, connection) > ($1, $2) ORDER BY user_id, connection LIMIT $3",
        &[user_id.into(), name.into(), (limit as u64).into()],
        &mut |row| {
            found.push(credential_rows::read_credential(row)?);
            Ok(())
        },
    )?;
    Ok(found)
}

/// Returns the entries that follow this ID in order.
pub(super) fn journal(
    connection: &mut impl Connection,
    after: &str,
    limit: usize,
) -> TxResult<Vec<JournalRow>> {
    let mut found = Vec::new();
    connection.query(
        "SELECT entry_id, kind, at, primary_id, secondary_id, record, undone_by, undone_at, place, state, snapshot FROM journal \
         WHERE entry_id > $1 ORDER BY entry_id LIMIT $2",
        &[after.into(), (limit as u64).into()],
        &mut |row| {
            let text = |column, name| required_text(row, column, name).map(str::to_owned);
            let number = |column| row.int(column).map(|it| it.and_then(|it| u64::try_from(it).ok()));
            let columns = JournalColumns {
                entry_id: text(0, "entry_id")?,
                kind: text(1, "kind")?,
                at: number(2)?.ok_or_else(|| missing("at"))?,
                place: number(8)?.ok_or_else(|| missing("place"))?,
                primary_id: text(3, "primary_id")?,
                secondary_id: text(4, "secondary_id")?,
                state: EntryState::from_name(required_text(row, 9, "state")?)
                    .ok_or_else(|| missing("state"))?,
                undone_by: row.text(6)?.map(str::to_owned),
                undone_at: number(7)?,
            };
            let snapshot = row.bytes(10)?.map(<[u8]>::to_vec);
            found.push(JournalRow { columns, record: text(5, "record")?, snapshot });
            Ok(())
        },
    )?;
    Ok(found)
}

/// Adds a stored entry after checking it. A snapshot that this process can decrypt is sealed with
/// its key; any other is stored unchanged.
pub(super) fn add_journal(connection: &mut impl Connection, entry: &JournalRow, seal: &Seal) -> TxResult<()> {
    let JournalRow { columns, record, snapshot } = entry;
    let id = columns.entry_id.as_str();
    journal_rows::check(&columns.kind, record)
        .map_err(|why| ApiError::Invalid(format!("the journal's entry {id} cannot be read: {why}")))?;
    let snapshot = match snapshot {
        None => None,
        Some(bytes) => match seal.unseal(bytes, id).map_err(|why| damaged("a journal snapshot", why))? {
            Unsealed::Text(text) => Some(seal.seal(text, id).map_err(ApiError::Other)?),
            Unsealed::OtherKey(_) => Some(bytes.clone()),
        },
    };
    let added = connection.execute(
        "INSERT INTO journal (entry_id, kind, at, primary_id, secondary_id, record, undone_by, undone_at, place, \
         snapshot, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        &[
            id.into(),
            (&columns.kind).into(),
            columns.at.into(),
            (&columns.primary_id).into(),
            (&columns.secondary_id).into(),
            record.into(),
            Param::Text(columns.undone_by.as_deref()),
            columns.undone_at.map_or(Param::Int(None), Param::from),
            columns.place.into(),
            Param::Bytes(snapshot.as_deref()),
            columns.state.as_str().into(),
        ],
    )?;
    if added == 1 {
        return Ok(());
    }
    Err(ApiError::Invalid(format!("the journal's entry {id} appears twice")).into())
}
