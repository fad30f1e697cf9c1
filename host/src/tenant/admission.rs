//! The bound on the work that waits for a thread.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for requests. A request takes one when its body has arrived, so that a slow sender
/// holds none. One that comes while there is no place is refused at once.
#[derive(Clone)]
pub(crate) struct Admission(Arc<Semaphore>);

/// A place, which is given back when it is dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// There is no place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

pub(crate) const FULL: &str = "The tenant is busy with other requests. Try again in a second.";

impl Admission {
    pub(crate) fn new(places: NonZeroU32) -> Self {
        Self(Arc::new(Semaphore::new(places.get() as usize)))
    }

    /// Returns whether there is a place now.
    pub(crate) fn has_place(&self) -> bool {
        self.0.available_permits() > 0
    }

    /// Takes a place, if there is one.
    pub(crate) fn enter(&self) -> Result<Place, Full> {
        self.0.clone().try_acquire_owned().map(|permit| Place { _permit: permit }).map_err(|_| Full)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::{Admission, Full};

    #[test]
    fn a_request_without_a_place_is_refused_until_another_ends() {
        let admission = Admission::new(NonZeroU32::MIN.saturating_add(1));
        let (first, second) = (admission.enter(), admission.enter());
        assert!(first.is_ok() && second.is_ok());
        assert_eq!((admission.enter().err(), admission.has_place()), (Some(Full), false));
        drop(first);
        assert!(admission.has_place());
        assert!(admission.enter().is_ok());
    }
}
