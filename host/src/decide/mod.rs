//! Decides one login: runs each policy's plugin in its sandbox behind the
//! guard, checks its outcome, and then reads again which user has the login's
//! identity.
//!
//! | file | contents |
//! |---|---|
//! | `policy.rs` | one policy: run, checked, and what follows from a failure |
//! | `policies.rs` | several policies in order |
//! | `user_keeper.rs` | who finds the login's user again: the directory, or a tenant of Auth0 |
//! | `race.rs` | the decision again, when another login has linked the accounts |

mod policies;
mod policy;
mod race;
mod user_keeper;

pub use policies::{DecisionContext, DecisionRequest, LoginDecision, decide_login};
pub use policy::{GuardWrapper, OnFailure, Policy, PolicyRun, decide_by_plugin};
pub use race::{FinalUser, Round, SettledDecision, decide_until_settled};
pub use user_keeper::UserKeeper;
