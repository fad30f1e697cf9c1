//! The events of one URL that are not delivered yet. A file of the state folder has them, so that
//! they survive the end of the process.
//!
//! A line of the file is an event, `+ ID MILLISECONDS BODY`, or the end of one, `- ID`.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::model::Timestamp;
use crate::tenant::store::state_dir::{StateDir, StateError};
use crate::tenant::webhooks::event::Event;

/// The most events that wait.
const MOST: usize = 10_000;
/// The most bytes of the events that wait.
const MOST_BYTES: usize = 16 << 20;
/// The size of the file above which delivered events are removed from it.
const REWRITE_BYTES: usize = 2 * MOST_BYTES;

/// The outbox of one URL.
pub(super) struct WebhookOutbox {
    state: StateDir,
    /// The name of the file, from the URL's hash: the URL may hold a secret.
    file: String,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct Waiting {
    events: VecDeque<Event>,
    bytes: usize,
    file_bytes: usize,
}

impl WebhookOutbox {
    /// Reads the events that an earlier process has not delivered.
    pub(super) fn open(state: &StateDir, url: &str) -> Result<Self, StateError> {
        let name: String = Sha256::digest(url)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let file = format!("webhook-{name}.outbox");
        let text = state.read(&file)?.unwrap_or_default();
        let mut events = VecDeque::new();
        // A last line without its end was not written completely.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            match line.split_once(' ') {
                Some(("+", event)) => events.extend(read_event(event)),
                Some(("-", id)) => events.retain(|event: &Event| event.id != id),
                _ => {}
            }
        }
        let bytes = events.iter().map(|event| event.body.len()).sum();
        let this = Self {
            state: state.clone(),
            file,
            waiting: Mutex::new(Waiting { events, bytes, file_bytes: text.len() }),
            changed: Condvar::new(),
        };
        this.rewrite(&mut this.lock())?;
        Ok(this)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event. An event without a place is lost, and the log says so.
    pub(super) fn put(&self, event: &Event) {
        let mut waiting = self.lock();
        if waiting.events.len() >= MOST || waiting.bytes + event.body.len() > MOST_BYTES {
            tracing::error!(target: "audit", event = event.id, "an event is lost: the outbox of its webhook is full");
            return;
        }
        let line = format!("+ {} {} {}\n", event.id, event.at.as_millis(), event.body);
        if let Err(error) = self.append(&mut waiting, &line) {
            tracing::error!(target: "audit", %error, event = event.id, "an event was not stored, and ends with this process");
        }
        waiting.bytes += event.body.len();
        waiting.events.push_back(event.clone());
        self.changed.notify_all();
    }

    /// Waits for an event, and returns the oldest one, which stays in the outbox.
    pub(super) fn wait_for_event(&self) -> Event {
        let mut waiting = self.lock();
        loop {
            if let Some(event) = waiting.events.front() {
                return event.clone();
            }
            waiting = self
                .changed
                .wait_timeout(waiting, Duration::from_secs(3_600))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Removes the oldest event, which was delivered or given up.
    pub(super) fn remove(&self, event: &Event) {
        let mut waiting = self.lock();
        if waiting.events.front().is_some_and(|oldest| oldest.id == event.id) {
            waiting.events.pop_front();
            waiting.bytes = waiting.bytes.saturating_sub(event.body.len());
        }
        let written = if waiting.file_bytes > REWRITE_BYTES {
            self.rewrite(&mut waiting)
        } else {
            self.append(&mut waiting, &format!("- {}\n", event.id))
        };
        if let Err(error) = written {
            tracing::error!(target: "audit", %error, "a delivered event may be posted again after a restart");
        }
    }

    fn append(&self, waiting: &mut Waiting, line: &str) -> Result<(), StateError> {
        waiting.file_bytes += line.len();
        self.state.append_line(&self.file, line)
    }

    /// Rewrites the file without the events that were delivered.
    fn rewrite(&self, waiting: &mut Waiting) -> Result<(), StateError> {
        let lines = waiting
            .events
            .iter()
            .map(|event| format!("+ {} {} {}\n", event.id, event.at.as_millis(), event.body));
        let text: String = lines.collect();
        waiting.file_bytes = text.len();
        self.state.write(&self.file, &text)
    }
}

fn read_event(text: &str) -> Option<Event> {
    let mut parts = text.splitn(3, ' ');
    let (id, at, body) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Event { id: id.to_owned(), at: Timestamp::from_millis(at.parse().ok()?)?, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use crate::ambient::Ambient;
    use crate::tenant::store::state_dir::StateDir;
    use crate::tenant::webhooks::event::{Event, render_event};
    use crate::tenant::webhooks::outbox::{MOST, WebhookOutbox};

    const URL: &str = "https://example.com/?token=hunter2";

    fn event(n: usize) -> Event {
        render_event("https://tenant.test/", "user.created", n.into(), &Ambient::system())
    }

    #[test]
    fn events_outlast_the_process_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let events: Vec<Event> = (0..3).map(event).collect();
        {
            let outbox = WebhookOutbox::open(&StateDir::open(folder.path()).unwrap(), URL).unwrap();
            events.iter().for_each(|event| outbox.put(event));
            assert_eq!(outbox.wait_for_event(), events[0]);
            outbox.remove(&events[0]);
        }
        let file = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path());
        let file = file.filter(|it| it.extension().is_some_and(|it| it == "outbox")).last().unwrap();
        assert!(!file.display().to_string().contains("hunter2"));
        let whole = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, whole + "+ evt_torn 17").unwrap();
        let outbox = WebhookOutbox::open(&StateDir::open(folder.path()).unwrap(), URL).unwrap();
        for event in &events[1..] {
            assert_eq!(outbox.wait_for_event(), *event);
            outbox.remove(event);
        }
        assert!(outbox.lock().events.is_empty());
    }

    /// A disk that is full takes a part of a line.
    #[test]
    fn an_event_that_was_written_in_part_spoils_no_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let events: Vec<Event> = (0..3).map(event).collect();
        {
            let outbox = WebhookOutbox::open(&StateDir::open(folder.path()).unwrap(), URL).unwrap();
            outbox.put(&events[0]);
            let file = folder.path().join(&outbox.file);
            let whole = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, whole + "+ evt_torn 17 {\"id\":").unwrap();
            events[1..].iter().for_each(|event| outbox.put(event));
        }
        let outbox = WebhookOutbox::open(&StateDir::open(folder.path()).unwrap(), URL).unwrap();
        for event in &events {
            assert_eq!(outbox.wait_for_event(), *event);
            outbox.remove(event);
        }
        assert!(outbox.lock().events.is_empty());
    }

    #[test]
    fn an_outbox_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = WebhookOutbox::open(&StateDir::open(folder.path()).unwrap(), URL).unwrap();
        let large = Event { body: "x".repeat(1 << 20), ..event(0) };
        (0..20).for_each(|_| outbox.put(&large));
        assert_eq!(outbox.lock().events.len(), 16);
        assert!(outbox.lock().bytes <= 16 << 20 && MOST == 10_000);
    }
}
