//! A directory that reports each change of a user to its observers.
//!
//! | file | contents |
//! |---|---|
//! | `observed_directory`, `observed_decisions` | the directory |
//! | `change` | a change of a user that was made |

mod change;
mod observed_decisions;
mod observed_directory;

pub(super) use change::{Change, Linked, Observer, Separated};
pub(super) use observed_directory::ObservedDirectory;
