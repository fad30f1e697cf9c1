//! The parts of a login together.

use crate::tenant::logins::decider::Decider;
use crate::tenant::logins::flows::Flows;
use crate::tenant::logins::log_events::Events;
use crate::tenant::management::SpentProofs;

/// Policies, logins under way, and the log of finished ones.
pub(crate) struct Logins {
    pub(crate) decider: Decider,
    pub(crate) flows: Flows,
    pub(crate) events: Events,
    pub(crate) spent_proofs: SpentProofs,
}
