//! The recorder of a service: it decides every login, and records one in so many.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::folder::{Folder, FolderLimits};
use super::folder_error::FolderError;
use super::recorded_login::{RecordedLogin, decide_and_record};
use super::redaction::Redaction;
use crate::ambient::Ambient;
use crate::decide::{DecisionContext, DecisionRequest, LoginDecision, Policy, decide_login};
use crate::guard::Guard;

/// The options of a recorder.
#[derive(Debug, Clone, Copy)]
pub struct RecorderOptions {
    /// One login in so many is recorded.
    pub one_in: u64,
    /// Whether addresses and names are masked.
    pub is_masking: bool,
    /// The limits of the folder.
    pub limits: FolderLimits,
}

/// Decides logins, and records some of them. A thread of its own writes the files, so that no
/// login waits for the disk. A recording that cannot be written is logged, and the login goes
/// on. Copies are one recorder.
#[derive(Clone)]
pub struct LoginRecorder(Option<Arc<Active>>);

struct Active {
    one_in: u64,
    logins: AtomicU64,
    /// None once the recorder is dropped.
    queue: Option<SyncSender<Box<RecordedLogin>>>,
    writer: Option<JoinHandle<()>>,
    /// The logins that were not recorded, because the queue was full.
    skipped: Arc<AtomicU64>,
}

/// The most logins that wait for the disk; further ones are not recorded.
const QUEUE: usize = 64;

impl LoginRecorder {
    /// A recorder that records nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Starts a recorder that writes to this folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot take recordings.
    pub fn start(folder: &Path, options: RecorderOptions, ambient: &Ambient) -> Result<Self, FolderError> {
        let (queue, logins) = sync_channel(QUEUE);
        let skipped = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            folder: Folder::open(folder, options.limits, ambient)?,
            redaction: Redaction::new(options.is_masking, ambient),
            skipped: skipped.clone(),
            ambient: ambient.clone(),
        };
        let thread = std::thread::Builder::new().name("recordings".to_owned());
        let writer = thread.spawn(move || writer.write_all(&logins)).map_err(FolderError::NoThread)?;
        Ok(Self(Some(Arc::new(Active {
            one_in: options.one_in.max(1),
            logins: AtomicU64::new(0),
            queue: Some(queue),
            writer: Some(writer),
            skipped,
        }))))
    }

    /// Decides a login as [`decide_login`] does, and records it if its turn has come.
    pub fn decide(
        &self,
        policies: &[Policy],
        request: DecisionRequest,
        context: DecisionContext,
    ) -> LoginDecision<Guard> {
        let Some(active) = self.0.as_ref().filter(|active| active.is_due()) else {
            return decide_login(policies, request, |guard| guard, context);
        };
        let (decision, login) = decide_and_record(policies, request, context);
        active.record(login);
        decision
    }
}

impl Active {
    fn is_due(&self) -> bool {
        self.logins.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.one_in)
    }

    fn record(&self, login: RecordedLogin) {
        let sent = self.queue.as_ref().map(|queue| queue.try_send(Box::new(login)));
        match sent {
            Some(Err(TrySendError::Full(_))) => {
                // The writer logs the number.
                self.skipped.fetch_add(1, Ordering::Relaxed);
            }
            Some(Err(TrySendError::Disconnected(_))) => {
                tracing::error!("a login was not recorded: the thread that writes recordings has ended");
            }
            Some(Ok(())) | None => {}
        }
    }
}

/// Writes what is still in the queue.
impl Drop for Active {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

struct Writer {
    folder: Folder,
    redaction: Redaction,
    skipped: Arc<AtomicU64>,
    ambient: Ambient,
}

impl Writer {
    fn write_all(mut self, logins: &Receiver<Box<RecordedLogin>>) {
        for login in logins {
            let written = match login.to_json(&self.redaction) {
                Ok(json) => self
                    .folder
                    .write(&format!("{json}\n"), login.now(), &self.ambient)
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = written {
                tracing::warn!(why, "a login was not recorded");
            }
            match self.skipped.swap(0, Ordering::Relaxed) {
                0 => {}
                logins => tracing::warn!(logins, "logins were not recorded, because the disk is too slow"),
            }
        }
    }
}
