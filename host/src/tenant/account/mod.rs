//! `/account`: the page on which users see and change their ways to log in.
//!
//! | file | contents |
//! |---|---|
//! | `routes` | the paths |
//! | `account_visit` | a visit by a user who is logged in, and the forms that it accepts |
//! | `account_page` | the page itself, and logging out |
//! | `methods` | the user's ways to log in, as the page shows them |
//! | `change` | the changes that need a fresh login |
//! | `freshness` | the new login that every change needs |
//! | `add` | adding a way to log in: the proof of a second account |
//! | `second_account` | the account that was proved, or that the link creates |
//! | `link_page`, `link` | the preview of a link, and its confirmation |
//! | `verify` | mailing a link that verifies an address |
//! | `remove` | removing a way to log in |
//! | `history` | what was added, removed and undone |
//! | `undo_link` | undoing an addition |
//! | `objection` | "this was not me", the link in a notice |
//! | `paths` | the addresses of the forms |

pub(super) mod routes;

mod account_page;
mod account_visit;
mod add;
mod change;
mod freshness;
mod history;
mod link;
mod link_page;
mod methods;
mod objection;
mod paths;
mod remove;
mod second_account;
mod undo_link;
mod verify;
