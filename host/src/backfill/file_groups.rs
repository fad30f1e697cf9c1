//! The groups of a file of users, which may be larger than the memory.
//!
//! The file is read twice. The first time, a hash of each address is kept: eight bytes a user. The
//! second time, the users whose hash occurs more than once are copied to a temporary file, from
//! which one group after the other is read.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::backfill_error::BackfillError;
use super::group::{Group, GroupId};
use super::progress::{Phase, Progress, refuse_if_stopped};
use crate::transfer::{ReadError, UserText, UsersFile, parse_user, read_user_texts};

/// The maximum number of users that are reported individually as unreadable.
const REPORTED: usize = 20;

/// The users of a file that a preview does not group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// The number of users in the file.
    pub users: u64,
    /// The number of users without an address.
    pub without_address: u64,
    /// The number of users that cannot be read.
    pub unreadable: u64,
    /// The first of these, with place and reason.
    pub reported: Vec<(String, String)>,
}

/// The groups of a file, before they are read one by one.
pub struct FileGroups {
    spool: File,
    /// The users in the spool, in the order of their groups.
    entries: Vec<Entry>,
    /// The counts of the file.
    pub counts: FileCounts,
}

/// A user in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    prefix: u64,
    offset: u64,
    length: u32,
}

/// The address of a user, read without the rest.
#[derive(Deserialize)]
struct AddressOfUser<'a> {
    #[serde(borrow, default)]
    email: Option<Cow<'a, str>>,
}

/// A hasher for numbers that are hashes already.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Opens the file of users, from its beginning.
type OpenUsers<'a> = dyn Fn() -> Result<UsersFile, ReadError> + 'a;

type Prefixes = HashSet<u64, BuildHasherDefault<AlreadyHashed>>;

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
        let (repeated, counts) = find_repeated_addresses(open, progress)?;
        let (spool, mut entries) = copy_users(open, folder, &repeated, progress)?;
        entries.sort_unstable();
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
                    Err(why) => self.counts.add_unreadable("a user with a repeated address".to_owned(), why),
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

/// Returns for each user of a file, in order, whether another one has the same address.
fn find_repeated_addresses(
    open: &OpenUsers<'_>,
    progress: &dyn Progress,
) -> Result<(Vec<bool>, FileCounts), BackfillError> {
    let file = open()?;
    progress.begin(Phase::ReadAddresses, file.length());
    let (mut prefixes, mut counts, mut cut) = (Vec::new(), FileCounts::default(), None);
    read_user_texts(file, |text| {
        refuse_if_stopped(progress)?;
        counts.users += 1;
        // The number of users without an address is 0; it is no hash in practice.
        let unreadable = counts.unreadable;
        prefixes.push(counts.read_prefix(&text).unwrap_or(0));
        cut = (counts.unreadable > unreadable && is_cut(&text)).then(|| text.describe_place());
        Ok::<_, BackfillError>(())
    })?;
    if let Some(place) = cut {
        return Err(BackfillError::Truncated(place));
    }
    let mut sorted = prefixes.clone();
    sorted.sort_unstable();
    let repeated: Prefixes = sorted.windows(2).filter(|it| it[0] == it[1]).map(|it| it[0]).collect();
    drop(sorted);
    let is_repeated = |prefix: &u64| *prefix != 0 && repeated.contains(prefix);
    Ok((prefixes.iter().map(is_repeated).collect(), counts))
}

/// Returns whether the JSON of a user ends in the middle.
fn is_cut(text: &UserText<'_>) -> bool {
    let parsed = text.json().map(serde_json::from_str::<IgnoredAny>);
    parsed.is_ok_and(|parsed| parsed.is_err_and(|error| error.is_eof()))
}

impl FileCounts {
    /// Returns the prefix of the group of a user. `None` if it has no address, or cannot be read.
    fn read_prefix(&mut self, text: &UserText<'_>) -> Option<u64> {
        let json = text.json().map_err(str::to_owned);
        let read = json.and_then(|json| {
            serde_json::from_str::<AddressOfUser<'_>>(json).map_err(|_| match parse_user(json) {
                Ok(_) => "its address cannot be read".to_owned(),
                Err(why) => why,
            })
        });
        match read {
            Ok(AddressOfUser { email: Some(email) }) if !email.is_empty() => {
                Some(GroupId::from_address(&email).prefix())
            }
            Ok(_) => {
                self.without_address += 1;
                None
            }
            Err(why) => {
                self.add_unreadable(text.describe_place(), why);
                None
            }
        }
    }

    fn add_unreadable(&mut self, place: String, why: String) {
        self.unreadable += 1;
        if self.reported.len() < REPORTED {
            self.reported.push((place, why));
        }
    }
}

/// Copies the users whose address is repeated to a temporary file.
fn copy_users(
    open: &OpenUsers<'_>,
    folder: &Path,
    is_repeated: &[bool],
    progress: &dyn Progress,
) -> Result<(File, Vec<Entry>), BackfillError> {
    let file = open()?;
    progress.begin(Phase::CopyGroups, file.length());
    let spool = tempfile::tempfile_in(folder).map_err(BackfillError::Spool)?;
    let mut out = BufWriter::with_capacity(1 << 18, spool);
    let (mut entries, mut offset, mut number) = (Vec::new(), 0, 0);
    read_user_texts(file, |text| {
        refuse_if_stopped(progress)?;
        let is_copied = is_repeated.get(number).copied();
        number += 1;
        let (Some(is_copied), Ok(json)) = (is_copied, text.json()) else {
            return if is_copied.is_none() { Err(BackfillError::FileChanged) } else { Ok(()) };
        };
        if !is_copied {
            return Ok(());
        }
        let Ok(AddressOfUser { email: Some(email) }) = serde_json::from_str(json) else {
            return Err(BackfillError::FileChanged);
        };
        let length = u32::try_from(json.len()).map_err(|_| BackfillError::FileChanged)?;
        out.write_all(json.as_bytes()).map_err(BackfillError::Spool)?;
        entries.push(Entry { prefix: GroupId::from_address(&email).prefix(), offset, length });
        offset += u64::from(length);
        Ok(())
    })?;
    if number != is_repeated.len() {
        return Err(BackfillError::FileChanged);
    }
    let spool = out.into_inner().map_err(|error| BackfillError::Spool(error.into_error()))?;
    Ok((spool, entries))
}

fn read_at(file: &mut File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    io::Read::read_exact(file, bytes)
}
