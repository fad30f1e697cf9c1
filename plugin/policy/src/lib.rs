//! The policy document of the plugin `link-users-by-email`.
//!
//! The types are the document: their field names are its keys, their doc
//! comments its JSON Schema's descriptions, their `Default` its defaults, which
//! are the safe ones.
//!
//! Beyond Auth0's own fields, a policy reads a user's `app_metadata`: the marks that `docs/marks.md` documents.

// First, because the others use its macro.
#[macro_use]
mod choice;
mod check;
mod limits;
pub mod members;
mod metadata;
mod options;
mod policy;
mod presets;
mod privileged;
mod trusted_connection;
mod warnings;

pub use check::{Contradiction, Unreadable};
pub use limits::{PolicyLimits, Prompts};
pub use metadata::{Metadata, MetadataRule, MetadataRules};
pub use options::{
    BlockedCandidate, Caution, EmailCompare, LookUp, Mfa, Mode, NoOpOrSuggest, OnError, OnMultiple, Preset,
    Primary, RequireVerified, Strictness,
};
pub use policy::Policy;
pub use privileged::{Privileged, PrivilegedDecision};
pub use trusted_connection::{TrustedConnection, TrustedDetail, is_enterprise};
pub use warnings::Warning;
