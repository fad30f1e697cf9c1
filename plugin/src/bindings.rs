//! The contract's types, which the whole plugin uses.

pub use ligature_policy::bindings::types::{
    ApiError, AuthenticationMethod, Connection, Decision, Identity, Level, LinkRequest, LoginEvent, Outcome,
    Reason, Step, Suggestion, Timestamp, User, Verdict, Verification,
};
pub use ligature_policy::bindings::{Answer, Proof, Response};
