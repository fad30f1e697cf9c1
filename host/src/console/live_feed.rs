//! The live tail of decisions: one poller of the directory for all viewers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use super::feed_cursor::FeedCursor;
use crate::directory::{Administration, DecisionId, DecisionQuery, KeptDecision};
use crate::model::{ApiError, mask_addresses};
use crate::service::blocking::run_blocking;

/// The time between two polls.
pub(super) const POLL: Duration = Duration::from_secs(1);
/// The most viewers at once.
const MOST_VIEWERS: usize = 16;
/// The most decisions by which a slow viewer may lag behind; older ones are skipped.
const BACKLOG: usize = 256;
/// The most decisions of one poll, and the most past ones that a returning viewer gets.
const AT_A_TIME: usize = 100;
/// The newest decisions among which a further one may be written.
const NEWEST: usize = 25;

/// The live tail.
pub(super) struct LiveFeed {
    directory: Arc<dyn Administration>,
    sender: broadcast::Sender<Arc<KeptDecision>>,
    viewers: Arc<Semaphore>,
    /// Whether the poller runs. It ends when nobody views.
    is_polling: Mutex<bool>,
}

/// One viewer.
pub(super) struct Viewer {
    /// Decisions from before the viewer came.
    pub(super) earlier: VecDeque<Arc<KeptDecision>>,
    pub(super) receiver: broadcast::Receiver<Arc<KeptDecision>>,
    _place: OwnedSemaphorePermit,
}

/// The reason why nobody more can view.
#[derive(Debug)]
pub(super) enum NoView {
    /// There are too many viewers.
    Full,
    /// The directory failed.
    Directory(ApiError),
}

impl LiveFeed {
    pub(super) fn new(directory: &Arc<dyn Administration>) -> Arc<Self> {
        Arc::new(Self {
            directory: directory.clone(),
            sender: broadcast::channel(BACKLOG).0,
            viewers: Arc::new(Semaphore::new(MOST_VIEWERS)),
            is_polling: Mutex::default(),
        })
    }

    /// Begins a view. A returning viewer gets the decisions after `last`, the last one that they have seen.
    pub(super) async fn view(self: &Arc<Self>, last: Option<DecisionId>) -> Result<Viewer, NoView> {
        let place = self.viewers.clone().try_acquire_owned().map_err(|_| NoView::Full)?;
        let receiver = self.sender.subscribe();
        let newest = self.find(DecisionQuery { limit: NEWEST, ..DecisionQuery::default() }).await?;
        self.poll_from(newest.into_iter().map(|kept| kept.id).collect());
        let earlier = match last {
            None => Vec::new(),
            after => self.find(DecisionQuery { after, limit: AT_A_TIME, ..DecisionQuery::default() }).await?,
        };
        let earlier = earlier.into_iter().map(Arc::new).collect();
        Ok(Viewer { earlier, receiver, _place: place })
    }

    async fn find(&self, query: DecisionQuery) -> Result<Vec<KeptDecision>, NoView> {
        let directory = self.directory.clone();
        run_blocking(move || directory.find_decisions(&query)).await.map_err(NoView::Directory)
    }

    /// Starts the poller, unless it runs.
    fn poll_from(self: &Arc<Self>, newest: Vec<DecisionId>) {
        let mut is_polling = self.is_polling.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut is_polling, true) {
            tokio::spawn(poll(Arc::downgrade(self), FeedCursor::new(newest, NEWEST)));
        }
    }

    /// Returns whether the poller ends, which it does when nobody views.
    fn ends(&self) -> bool {
        let mut is_polling = self.is_polling.lock().unwrap_or_else(PoisonError::into_inner);
        *is_polling = self.sender.receiver_count() > 0;
        !*is_polling
    }
}

async fn poll(feed: Weak<LiveFeed>, mut cursor: FeedCursor) {
    loop {
        tokio::time::sleep(POLL).await;
        let Some(feed) = feed.upgrade().filter(|feed| !feed.ends()) else { return };
        let query = DecisionQuery { after: cursor.position(), limit: AT_A_TIME, ..DecisionQuery::default() };
        match feed.find(query).await {
            Ok(found) => {
                for kept in cursor.accept(found, AT_A_TIME) {
                    // Without a receiver, the next round ends the poller.
                    let _ = feed.sender.send(Arc::new(kept));
                }
            }
            Err(NoView::Directory(error)) => {
                tracing::warn!(error = %mask_addresses(&error.to_string()), "the live tail: the directory failed");
            }
            Err(NoView::Full) => {}
        }
    }
}
