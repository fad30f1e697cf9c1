//! The domain: users, identities, logins and what is decided about them, in
//! Auth0's JSON shapes. Knows no wasm, SQL or HTTP.

mod answer;
mod email;
mod event;
mod link;
mod management;
mod marks;
mod metadata;
mod moment;
mod open_object;
mod outcome;
mod plain_text;
mod provider_tokens;
mod roles;
mod separation;
mod sign_in;
mod timestamp;
mod unlink;
mod user;
mod verification;
mod vouching;

pub use answer::{Answer, Proof};
pub use email::{Addresses, mask_addresses};
pub use event::{
    Authentication, AuthenticationMethod, Client, Connection, LoginEvent, Organization, Transaction,
};
pub(crate) use link::profile;
pub use link::{LinkRequest, absorb};
pub use management::{ApiError, ManagementApi};
pub use marks::{ForeignMark, count_prompt};
pub use metadata::{Metadata, MetadataPatch, patch};
pub use moment::Moment;
pub use outcome::{Decision, Level, Outcome, Reason, Step, Verdict};
pub use plain_text::{cut, is_bidi_control, on_one_line};
pub(crate) use roles::add_words;
pub(crate) use separation::without_carried;
pub use separation::{keep_marks, note_separation};
pub use sign_in::signed_in;
pub use timestamp::Timestamp;
pub use unlink::stand_alone;
pub use user::{Identity, IdentityKey, User, is_connection_name};
pub use verification::Verification;
pub use vouching::why_not_vouched_for;
