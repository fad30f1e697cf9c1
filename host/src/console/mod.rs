//! The operators' console: pages on which operators find users, see why they were linked, merge two
//! accounts, undo a link, and settle conflicts.
//!
//! | file | contents |
//! |---|---|
//! | `start` | the parts that the console is started with |
//! | `routes` | the paths, and the headers of every response |
//! | `home`, `users_page`, `user_page` | finding a user, and showing one |
//! | `journal_pages`, `undo_page` | the journal, and undoing a link |
//! | `merge_page`, `merge_form`, `merge_preview` | merging two accounts |
//! | `decision_pages`, `chart` | the decisions that were kept, and their numbers by day |
//! | `conflict_pages`, `separate` | conflicts that wait, and marking accounts as those of different persons |
//! | `live_pages`, `live_feed`, `feed_cursor` | the live tail of decisions |
//! | `decision_rows`, `reason_meanings` | decisions and reasons in words |
//! | `visit` | one visit by an operator, and the forms that it may send |
//! | `access` | the persons who may enter |
//! | `login` | their login, by OpenID Connect, and their sessions |
//! | `params` | the parameters of a visit |
//! | `frame` | the parts that every page has |
//! | `state` | the parts of the console |
//! | `redirect` | leading a browser to another page |
//! | `words` | times, accounts and entries in words |
//! | `paths` | the addresses of the pages |
//!
//! Files use only files further down in this table.

mod access;
mod chart;
mod conflict_pages;
mod decision_pages;
mod decision_rows;
mod feed_cursor;
mod frame;
mod home;
mod journal_pages;
mod live_feed;
mod live_pages;
#[cfg(feature = "hook")]
mod login;
mod merge_form;
mod merge_page;
mod merge_preview;
mod params;
mod paths;
mod reason_meanings;
mod redirect;
mod routes;
mod separate;
mod start;
mod state;
mod undo_page;
mod user_page;
mod users_page;
mod visit;
mod words;

#[cfg(feature = "hook")]
pub use login::{ConsoleError, OperatorSettings};
pub use start::{ConsoleAccess, ConsoleParts};

#[cfg(test)]
#[cfg(feature = "tenant")]
mod tests;
