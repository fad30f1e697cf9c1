//! The recorder of a service: it decides every login, and records every Nth one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::folder::{Folder, FolderLimits};
use super::folder_error::FolderError;
use super::queue_memory::{QUEUE_BYTES, QueueMemory};
use super::recorded_login::{RecordedLogin, decide_and_record};
use super::redaction::Redaction;
use crate::ambient::Ambient;
use crate::decide::{DecisionContext, DecisionRequest, LoginDecision, Policy, decide_login};
use crate::guard::Guard;

/// The options of a recorder.
#[derive(Debug, Clone, Copy)]
pub struct RecorderOptions {
    /// One of every `one_in` logins is recorded, the first one included.
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
    queue: Option<SyncSender<Waiting>>,
    memory: Arc<QueueMemory>,
    writer: Option<JoinHandle<()>>,
    /// The logins that were not recorded, because the queue was full.
    skipped: Arc<AtomicU64>,
}

/// A login that waits for the disk.
struct Waiting {
    login: Box<RecordedLogin>,
    bytes: usize,
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
        let (skipped, memory) = (Arc::new(AtomicU64::new(0)), Arc::<QueueMemory>::default());
        let writer = Writer {
            folder: Folder::open(folder, options.limits, ambient)?,
            redaction: Redaction::new(options.is_masking, ambient),
            skipped: skipped.clone(),
            memory: memory.clone(),
            ambient: ambient.clone(),
        };
        let thread = std::thread::Builder::new().name("recordings".to_owned());
        let writer = thread.spawn(move || writer.write_all(&logins)).map_err(FolderError::NoThread)?;
        Ok(Self(Some(Arc::new(Active {
            one_in: options.one_in.max(1),
            logins: AtomicU64::new(0),
            queue: Some(queue),
            memory,
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
        let Some(queue) = &self.queue else { return };
        let Some(bytes) = login.count_bytes() else {
            tracing::warn!("a login was not recorded: it has more than {} MiB", QUEUE_BYTES >> 20);
            return;
        };
        if !self.memory.take(bytes) {
            self.skip();
            return;
        }
        match queue.try_send(Waiting { login: Box::new(login), bytes }) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => self.skip(),
            Err(TrySendError::Disconnected(_)) => {
                tracing::error!("a login was not recorded: the thread that writes recordings has ended");
            }
        }
        self.memory.give_back(bytes);
    }

    /// Counts a login that is not recorded. The writer logs the number.
    fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
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
    memory: Arc<QueueMemory>,
    ambient: Ambient,
}

impl Writer {
    fn write_all(mut self, logins: &Receiver<Waiting>) {
        for Waiting { login, bytes } in logins {
            let written = match login.to_json(&self.redaction) {
                Ok(json) => self
                    .folder
                    .write(&format!("{json}\n"), login.now(), &self.ambient)
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            drop(login);
            self.memory.give_back(bytes);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::sync_channel;

    use serde_json::json;

    use super::{Active, QUEUE, RecordedLogin};
    use crate::model::LoginEvent;

    fn login(bytes: usize) -> RecordedLogin {
        let event = json!({
            "user": { "user_id": "auth0|1", "user_metadata": { "text": "x".repeat(bytes) } },
            "connection": { "name": "db", "strategy": "auth0" },
        });
        RecordedLogin::of_event(serde_json::from_value::<LoginEvent>(event).unwrap())
    }

    /// A disk that is too slow.
    #[test]
    fn the_logins_that_wait_are_bounded_by_their_number_and_their_bytes() {
        for (bytes, logins, waiting) in [(100, QUEUE + 3, QUEUE), (16 << 20, 5, 3), (65 << 20, 1, 0)] {
            let (queue, disk) = sync_channel(QUEUE);
            let recorder = Active {
                one_in: 1,
                logins: AtomicU64::new(0),
                queue: Some(queue),
                memory: Arc::default(),
                writer: None,
                skipped: Arc::default(),
            };
            (0..logins).for_each(|_| recorder.record(login(bytes)));
            let held: Vec<_> = disk.try_iter().collect();
            assert_eq!(held.len(), waiting, "{bytes}");
            // One that is too large for the queue is logged at once.
            let expected = if waiting == 0 { 0 } else { logins - waiting };
            assert_eq!(recorder.skipped.load(Ordering::Relaxed), expected as u64, "{bytes}");
            held.iter().for_each(|login| recorder.memory.give_back(login.bytes));
            assert!(recorder.memory.take(super::QUEUE_BYTES), "every byte is given back");
        }
    }
}
