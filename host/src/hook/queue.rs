//! The logins that are decided, and those that wait for their turn.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::RequestRefusal;

/// The size of the queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueSize {
    /// The most logins that are decided at once.
    pub concurrent: u32,
    /// The most logins that wait.
    pub waiting: u32,
}

/// The queue of logins. It is bounded: a login that finds no place is refused at once.
pub(super) struct Queue {
    size: QueueSize,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A place in the queue.
pub(super) struct Place {
    place: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
}

/// A turn to decide a login. Dropping it gives the place back.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Queue {
    pub(super) fn new(size: QueueSize) -> Self {
        let (concurrent, waiting) = (size.concurrent as usize, size.waiting as usize);
        let places = Arc::new(Semaphore::new(concurrent + waiting));
        Self { size, places, turns: Arc::new(Semaphore::new(concurrent)) }
    }

    /// The most logins that are decided at once.
    pub(super) fn concurrent(&self) -> usize {
        self.size.concurrent as usize
    }

    /// Takes a place, if there is one.
    pub(super) fn enter(&self) -> Result<Place, RequestRefusal> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| RequestRefusal::QueueFull)?;
        Ok(Place { place, turns: self.turns.clone() })
    }

    /// Returns the number of logins that are decided, and of those that wait.
    pub(super) fn count(&self) -> (usize, usize) {
        let (concurrent, waiting) = (self.size.concurrent as usize, self.size.waiting as usize);
        let deciding = concurrent.saturating_sub(self.turns.available_permits());
        let all = (concurrent + waiting).saturating_sub(self.places.available_permits());
        (deciding, all.saturating_sub(deciding))
    }
}

impl Place {
    /// Waits for a turn, in the order of arrival.
    pub(super) async fn wait(self) -> Turn {
        // The semaphore is never closed.
        let turn = self.turns.acquire_owned().await.ok();
        Turn { _place: self.place, _turn: turn }
    }
}
