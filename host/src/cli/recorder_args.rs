//! The options for recordings, which the services share.

use std::path::PathBuf;

use super::Exit;
use crate::ambient::Ambient;
#[cfg(feature = "hook-command")]
use crate::recording::check_folder;
use crate::recording::{FolderLimits, LoginRecorder, RecorderOptions};

/// The options for recordings.
#[derive(Debug, clap::Args)]
pub(super) struct RecorderArgs {
    /// Record logins in this folder, for `ligature replay`: one file each, which only its owner
    /// can read, without tokens, secrets and browser requests
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Record one of every N logins
    #[arg(long, value_name = "LOGINS", default_value_t = 1, requires = "record", value_parser = clap::value_parser!(u64).range(1..))]
    record_one_in: u64,
    /// Mask addresses and names in recordings. Equal ones stay equal, and domains stay
    #[arg(long, requires = "record")]
    mask_addresses: bool,
    /// The most recordings in the folder; beyond them, the oldest ones are removed
    #[arg(long, value_name = "FILES", default_value_t = 1_000, requires = "record", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    record_files: u32,
    /// The size of all recordings in the folder, in MiB; beyond it, the oldest ones are removed
    #[arg(long, value_name = "MIB", default_value_t = 256, requires = "record", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    record_mib: u32,
}

impl RecorderArgs {
    /// Checks the folder, and changes nothing. Returns whether logins are recorded.
    #[cfg(feature = "hook-command")]
    pub(super) fn check(&self) -> Result<bool, Exit> {
        let Some(folder) = &self.record else { return Ok(false) };
        check_folder(folder)?;
        Ok(true)
    }

    /// Starts the recorder. An unusable folder is an exit with code 2.
    pub(super) fn start(&self, ambient: &Ambient) -> Result<LoginRecorder, Exit> {
        let Some(folder) = &self.record else { return Ok(LoginRecorder::off()) };
        let limits =
            FolderLimits { files: self.record_files as usize, bytes: u64::from(self.record_mib) << 20 };
        let options = RecorderOptions { one_in: self.record_one_in, is_masking: self.mask_addresses, limits };
        Ok(LoginRecorder::start(folder, options, ambient)?)
    }
}
