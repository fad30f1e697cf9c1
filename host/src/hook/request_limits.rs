//! The limits of a request.

use std::time::Duration;

/// The maximum size of a body, in bytes.
pub(super) const BODY_BYTES: usize = 1 << 20;

/// The time limit of a body.
pub(super) const BODY_TIME: Duration = Duration::from_secs(10);

/// The maximum difference between the time of a signature and the clock of this machine.
pub(super) const WINDOW: Duration = Duration::from_secs(300);
