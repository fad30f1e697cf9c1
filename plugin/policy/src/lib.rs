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
mod connection_groups;
mod index;
mod limits;
mod linked_organizations;
pub mod members;
mod metadata;
mod names;
mod options;
mod policy;
mod presets;
mod privileged;
#[cfg(feature = "schema")]
mod schema;
mod trusted_connection;
mod trusted_connections;
mod warnings;

pub use check::{Contradiction, Unreadable};
pub use connection_groups::ConnectionGroups;
pub use limits::{PolicyLimits, Prompts};
pub use linked_organizations::LinkedOrganizations;
pub use metadata::{Metadata, MetadataKeys, MetadataRule, MetadataRules};
pub use names::{ByName, Names};
pub use options::{
    BlockedCandidate, Caution, EmailCompare, LookUp, Mfa, Mode, NoOpOrSuggest, OnError, OnMultiple, Preset,
    Primary, RequireVerified, Strictness,
};
pub use policy::Policy;
pub use privileged::{Privileged, PrivilegedDecision};
pub use trusted_connection::{TrustedConnection, TrustedDetail, is_enterprise};
pub use trusted_connections::{Terms, TrustedConnections};
pub use warnings::Warning;
