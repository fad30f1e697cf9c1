//! One login, from the proof of an identity to the decision.

pub(super) mod context;
pub(super) mod event;
pub(super) mod log_events;
pub(super) mod log_in;
pub(super) mod mailbox_proof;
pub(super) mod outcome;
pub(super) mod owner_link;
pub(super) mod prove;
pub(super) mod second_factor;
pub(super) mod separation;
pub(super) mod token_check;

mod session_user;
mod state;

pub(super) use state::{Logins, SharedParts};
