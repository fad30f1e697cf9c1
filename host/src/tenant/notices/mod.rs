//! Notices: the mails that tell users of a change of their ways to log in.
//!
//! | file | contents |
//! |---|---|
//! | `notice` | telling both sides of a change |
//! | `recipients` | the addresses of a user that are told |
//! | `notice_sender` | the notices of changes that are made elsewhere than on the account page |
//! | `words` | times and masked addresses |

mod notice;
mod notice_sender;
mod recipients;
pub(super) mod words;

pub(super) use notice::{AccountChange, ChangeKind, Contestable, Notices};
pub(super) use notice_sender::NoticeSender;
pub(super) use recipients::Reach;
