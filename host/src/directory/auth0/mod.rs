//! A tenant of Auth0 as a directory.
//!
//! The tenant has the users, and a directory of its own has the journal. A change takes
//! several requests, and its journal entry records how far it came, so that an
//! interrupted change can be repaired.
//!
//! | file | contents |
//! |---|---|
//! | `logins`, `administration`, `decisions` | the operations |
//! | `repairing` | finishing interrupted changes |
//! | `linking`, `undoing`, `unlinking`, `blocking` | the changes, step by step |
//! | `requests` | a single link or unlink, and finding out whether it took effect |
//! | `access` | roles and memberships, which a link destroys |
//! | `reading` | look-ups |
//! | `setup` | checking the configuration before any login |
//! | `auth0_directory` | the tenant with its journal, and opening them |
//! | `user_patch` | the request that changes a user |

mod access;
mod administration;
mod auth0_directory;
mod blocking;
mod decisions;
mod linking;
mod logins;
mod reading;
mod repairing;
mod requests;
mod setup;
mod undoing;
mod unlinking;
mod user_patch;

pub use auth0_directory::Auth0Directory;
