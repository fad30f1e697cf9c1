//! The groups of a file of users, which may be larger than the memory.
//!
//! The file is read twice. The first time, hashes of each address and each id are kept: sixteen bytes a
//! user. The second time, the users whose address occurs more than once are copied to a temporary file,
//! from which one group after the other is read.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::backfill_error::BackfillError;
use super::file_reading::{FileCounts, FirstReading, KeysOfUser, Occurrence, read_first};
use super::group::{Group, GroupId};
use super::progress::{Phase, Progress, refuse_if_stopped};
use crate::transfer::{Place, ReadError, UserText, UsersFile, parse_user, read_user_texts};

/// The groups of a file, before they are read one by one.
pub struct FileGroups {
    spool: File,
    /// The users in the spool, in the order of their groups.
    entries: Vec<Entry>,
    /// The counts of the file.
    pub counts: FileCounts,
}

/// A user in the spool.
#[derive(Debug, Clone, Copy)]
struct Entry {
    prefix: u64,
    offset: u64,
    length: u32,
    /// The position in the file.
    place: Place,
}

/// Opens the file of users, from its beginning.
type OpenUsers<'a> = dyn Fn() -> Result<UsersFile, ReadError> + 'a;

impl FileGroups {
    /// Finds the groups of a file. `folder` is where the temporary file is created, and must have
    /// room for the users of all groups.
    ///
    /// # Errors
    ///
    /// If the file cannot be read to its end twice, or the temporary file cannot be written.
    pub fn find(path: &Path, folder: &Path, progress: &dyn Progress) -> Result<Self, BackfillError> {
        if path == Path::new("-") {
            return Err(BackfillError::Stream);
        }
        Self::find_by(&|| UsersFile::open(path, |raw| progress.count_bytes(raw)), folder, progress)
    }

    /// Finds the groups of a file that is open already. `name` is its name in messages.
    ///
    /// # Errors
    ///
    /// The same as for [`FileGroups::find`].
    pub fn find_in(
        file: &File,
        name: &str,
        folder: &Path,
        progress: &dyn Progress,
    ) -> Result<Self, BackfillError> {
        Self::find_by(&|| UsersFile::of_file(file, name, |raw| progress.count_bytes(raw)), folder, progress)
    }

    fn find_by(open: &OpenUsers<'_>, folder: &Path, progress: &dyn Progress) -> Result<Self, BackfillError> {
        let file = open()?;
        let is_pipe = file.length().is_none();
        let first = read_first(file, progress)?;
        let copied = open().map_err(BackfillError::from);
        let copied = copied.and_then(|file| copy_users(file, folder, first, progress));
        let (spool, mut entries, counts) = copied.map_err(|error| match error {
            BackfillError::FileChanged if is_pipe => BackfillError::Stream,
            error => error,
        })?;
        entries.sort_unstable_by_key(|entry| (entry.prefix, entry.offset));
        Ok(Self { spool, entries, counts })
    }

    /// Returns the number of groups. Some of them may turn out to have one account only.
    #[must_use]
    pub fn count_groups(&self) -> u64 {
        self.entries.chunk_by(|a, b| a.prefix == b.prefix).count() as u64
    }

    /// Calls `each` with every group, in the order of their ids, until it fails.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be read, or the error of `each`.
    pub fn read_groups(
        &mut self,
        each: &mut dyn FnMut(Group) -> Result<(), BackfillError>,
    ) -> Result<(), BackfillError> {
        let mut json = Vec::new();
        for entries in self.entries.chunk_by(|a, b| a.prefix == b.prefix) {
            let mut users = Vec::with_capacity(entries.len());
            for entry in entries {
                json.resize(entry.length as usize, 0);
                read_at(&mut self.spool, entry.offset, &mut json).map_err(BackfillError::Spool)?;
                let user = parse_user(std::str::from_utf8(&json).unwrap_or_default());
                match user.map(|user| (user.email.as_deref().map(GroupId::from_address), user)) {
                    Ok((Some(id), user)) => users.push((id, user)),
                    Ok((None, _)) => self.counts.without_address += 1,
                    Err(why) => self.counts.add_left_out(entry.place.to_string(), why),
                }
            }
            // Different addresses may have the same prefix.
            users.sort_by_key(|(id, _)| *id);
            for users in users.chunk_by(|(a, _), (b, _)| a == b) {
                let id = users[0].0;
                let users = users.iter().map(|(_, user)| user.clone()).collect();
                if let Some(group) = Group::new(id, users) {
                    each(group)?;
                }
            }
        }
        Ok(())
    }
}

/// The second reading: copies the users whose address is repeated to a temporary file.
fn copy_users(
    file: UsersFile,
    folder: &Path,
    first: FirstReading,
    progress: &dyn Progress,
) -> Result<(File, Vec<Entry>, FileCounts), BackfillError> {
    let FirstReading { has_shared_address, mut repeated, mut counts } = first;
    progress.begin(Phase::CopyGroups, file.length());
    let spool = tempfile::tempfile_in(folder).map_err(BackfillError::Spool)?;
    let mut out = BufWriter::with_capacity(1 << 18, spool);
    let (mut entries, mut offset, mut number) = (Vec::new(), 0, 0);
    read_user_texts(file, |text| {
        refuse_if_stopped(progress)?;
        let is_shared = *has_shared_address.get(number).ok_or(BackfillError::FileChanged)?;
        number += 1;
        if !is_shared && repeated.is_empty() {
            return Ok(());
        }
        let Some((json, keys)) = read_again(&text) else {
            return if is_shared { Err(BackfillError::FileChanged) } else { Ok(()) };
        };
        match repeated.note(text.place(), json, &keys) {
            Occurrence::First => {}
            Occurrence::Same => {
                counts.add_repeated(&keys);
                return Ok(());
            }
            Occurrence::Differs(why) => {
                counts.add_repeated(&keys);
                counts.add_left_out(text.describe_place(), why);
                return Ok(());
            }
        }
        if !is_shared {
            return Ok(());
        }
        let address = keys.address().ok_or(BackfillError::FileChanged)?;
        let length = u32::try_from(json.len()).map_err(|_| BackfillError::FileChanged)?;
        out.write_all(json.as_bytes()).map_err(BackfillError::Spool)?;
        let prefix = GroupId::from_address(address).prefix();
        entries.push(Entry { prefix, offset, length, place: text.place() });
        offset += u64::from(length);
        Ok(())
    })?;
    if number != has_shared_address.len() {
        return Err(BackfillError::FileChanged);
    }
    let spool = out.into_inner().map_err(|error| BackfillError::Spool(error.into_error()))?;
    Ok((spool, entries, counts))
}

/// Reads a user again, with its keys.
fn read_again<'t>(text: &'t UserText<'_>) -> Option<(&'t str, KeysOfUser<'t>)> {
    let json = text.json().ok()?;
    Some((json, serde_json::from_str(json).ok()?))
}

fn read_at(file: &mut File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    io::Read::read_exact(file, bytes)
}
