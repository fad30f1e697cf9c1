//! The limits of what any plugin can do.
//!
//! The guard stands between one login's plugin and the directory. It looks up
//! only the login's own verified address, links only the login's user with a
//! user that a look-up of this login returned, and checks both on fresh copies
//! that it reads itself. It records every refusal.
//!
//! | file | contents |
//! |---|---|
//! | `login_guard.rs` | the guard of one login: its state and its refusals |
//! | `host_calls.rs` | the host calls, each checked |
//! | `link_metadata.rs` | the metadata that a link may write |
//! | `race.rs` | logins of the same accounts at the same time |
//! | `outcome_check.rs` | the check of a plugin's outcome against what happened |

mod audit;
mod budget;
mod host_calls;
mod link_metadata;
mod login_guard;
mod outcome_check;
mod race;

pub use audit::Refusal;
pub use login_guard::{Guard, GuardedLogin};
