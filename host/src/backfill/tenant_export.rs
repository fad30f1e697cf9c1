//! The export of a tenant's users: its job is begun and waited for, and its file is downloaded.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::backfill_error::BackfillError;
use super::progress::{Phase, Progress, refuse_if_stopped};
use crate::ambient::Ambient;
use crate::auth0::{CallErrorKind, Download, ExportState, ManagementClient, TimeLimit};

/// The time of one request with its retries. A tenant may ask to wait for a minute.
const PATIENCE: Duration = Duration::from_mins(2);

/// The time for which a job is waited for, in hours. Auth0 ends a job after eight hours.
const JOB_HOURS: u64 = 9;

/// The time of a download.
const DOWNLOAD: Duration = Duration::from_hours(4);

/// The time without a byte after which a download is given up.
const STALL: Duration = Duration::from_mins(1);

/// The number of pieces of a download that are read ahead, and the size of one.
const PIECES: usize = 16;
const PIECE: usize = 1 << 16;

/// The waits between two looks at a job: the first one, and the longest one.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The interval at which a wait checks whether to stop.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The number of times that a download is tried. Each one asks for a new URL, because one is valid
/// for a minute.
const DOWNLOADS: usize = 3;

/// The export of a tenant's users.
#[derive(Clone, Copy)]
pub struct TenantExport<'a> {
    /// The tenant.
    pub client: &'a ManagementClient,
    /// Watches the progress.
    pub progress: &'a dyn Progress,
    /// The clock.
    pub ambient: &'a Ambient,
}

impl TenantExport<'_> {
    /// Exports all users into a temporary file of the folder. The file has no name, so that nobody else
    /// can open it, and ends with the process.
    ///
    /// # Errors
    ///
    /// If the job fails or does not end, or if its file cannot be downloaded or stored.
    pub fn fetch(&self, folder: &Path) -> Result<File, BackfillError> {
        let job = self.client.begin_users_export(self.limit())?;
        let mut file = tempfile::tempfile_in(folder).map_err(BackfillError::ExportFile)?;
        for again in (0..DOWNLOADS).rev() {
            let location = self.wait_for(&job)?;
            match self.download(&location, &mut file) {
                Ok(()) => return Ok(file),
                Err(failure) if again == 0 || !failure.is_passing() => return Err(failure.explain(&job)),
                Err(_) => self.sleep(FIRST_WAIT)?,
            }
            file.set_len(0).and_then(|()| file.rewind()).map_err(BackfillError::ExportFile)?;
        }
        Err(BackfillError::ExportEndless { job, hours: JOB_HOURS })
    }

    /// Waits until a job has ended, and returns the URL of its file.
    fn wait_for(&self, job: &str) -> Result<String, BackfillError> {
        let end = TimeLimit::after(self.ambient, Duration::from_hours(JOB_HOURS));
        let (mut wait, mut shown) = (FIRST_WAIT, 0);
        self.progress.begin(Phase::Export, Some(100));
        loop {
            match self.client.users_export(job, self.limit())? {
                ExportState::Finished(location) => return Ok(location),
                ExportState::Failed(why) => {
                    return Err(BackfillError::ExportFailed { job: job.to_owned(), why });
                }
                ExportState::Working(percentage) => {
                    let done = percentage.unwrap_or(shown).max(shown);
                    self.progress.advance(done - shown);
                    shown = done;
                }
            }
            if end.left(self.ambient) < wait {
                return Err(BackfillError::ExportEndless { job: job.to_owned(), hours: JOB_HOURS });
            }
            self.sleep(wait)?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn download(&self, location: &str, file: &mut File) -> Result<(), DownloadFailure> {
        let limit = TimeLimit::after(self.ambient, DOWNLOAD);
        let download = self.client.open_download(location, limit).map_err(BackfillError::from)?;
        self.progress.begin(Phase::Download, download.length);
        let mut out = BufWriter::with_capacity(1 << 18, file);
        self.copy(download, &mut out)?;
        out.flush().map_err(BackfillError::ExportFile)?;
        Ok(())
    }

    fn copy(&self, mut download: Download, out: &mut impl Write) -> Result<(), DownloadFailure> {
        let (sender, pieces) = mpsc::sync_channel(PIECES);
        // A read lasts until the server sends something. The thread ends at its next read after this one.
        thread::spawn(move || {
            while let Some(piece) = read_piece(&mut download).transpose() {
                let is_last = piece.is_err();
                if sender.send(piece).is_err() || is_last {
                    return;
                }
            }
        });
        let mut last = self.ambient.monotonic();
        loop {
            refuse_if_stopped(self.progress)?;
            match pieces.recv_timeout(CHECK_INTERVAL) {
                Ok(Ok(piece)) => {
                    out.write_all(&piece).map_err(BackfillError::ExportFile)?;
                    self.progress.advance(piece.len() as u64);
                    last = self.ambient.monotonic();
                }
                Ok(Err(error)) => return Err(DownloadFailure::Broken(error)),
                Err(RecvTimeoutError::Timeout) if self.ambient.elapsed(last) >= STALL => {
                    let why = "the server has sent nothing for a minute";
                    return Err(DownloadFailure::Broken(io::Error::other(why)));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn sleep(&self, time: Duration) -> Result<(), BackfillError> {
        let mut left = time;
        while !left.is_zero() {
            refuse_if_stopped(self.progress)?;
            thread::sleep(left.min(CHECK_INTERVAL));
            left = left.saturating_sub(CHECK_INTERVAL);
        }
        Ok(())
    }

    fn limit(&self) -> TimeLimit {
        TimeLimit::after(self.ambient, PATIENCE)
    }
}

/// Reads the next piece of a download; none at its end.
fn read_piece(download: &mut Download) -> io::Result<Option<Vec<u8>>> {
    let mut piece = vec![0; PIECE];
    loop {
        match download.read(&mut piece) {
            Ok(read) => {
                piece.truncate(read);
                return Ok((read > 0).then_some(piece));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The reason why a download is not whole.
enum DownloadFailure {
    /// The connection has broken.
    Broken(io::Error),
    /// Any other reason.
    Other(BackfillError),
}

impl From<BackfillError> for DownloadFailure {
    fn from(error: BackfillError) -> Self {
        Self::Other(error)
    }
}

impl DownloadFailure {
    /// Returns whether another try with a new URL may succeed. A URL that has expired is refused.
    fn is_passing(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Other(BackfillError::Tenant(error)) => {
                !matches!(error.kind, CallErrorKind::Unreadable(_) | CallErrorKind::TooLong)
            }
            Self::Other(_) => false,
        }
    }

    fn explain(self, job: &str) -> BackfillError {
        match self {
            Self::Broken(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let error = io::Error::other("it breaks off before its end");
                BackfillError::Download { job: job.to_owned(), error }
            }
            Self::Broken(error) => BackfillError::Download { job: job.to_owned(), error },
            Self::Other(error) => error,
        }
    }
}
