//! What wit-bindgen makes of `wit/`: the types that the whole plugin uses, and
//! the host's functions.

#![allow(unsafe_code, missing_docs, unreachable_pub, reason = "generated code")]

wit_bindgen::generate!({
    path: "../wit",
    world: "warning-plugin",
    additional_derives: [PartialEq, Eq],
});

#[cfg(target_family = "wasm")]
use crate::component::LinkUsersByEmail;
#[cfg(target_family = "wasm")]
export!(LinkUsersByEmail);

pub use exports::ligature::login::handler::{Answer, Proof, Response};
pub use ligature::login::types::{
    ApiError, Decision, Identity, Level, LinkRequest, LoginEvent, Outcome, Reason, Step, Suggestion,
    Timestamp, User, Verdict, Verification,
};
