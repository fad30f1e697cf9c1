//! `/account`: the page on which users see and change their ways to log in.
//!
//! | file | contents |
//! |---|---|
//! | `routes` | the paths |
//! | `account_visit` | a visit by a user who is logged in, and the forms that it accepts |
//! | `account_page` | the page itself, and logging out |
//! | `methods` | the user's ways to log in, as the page shows them |
//! | `words` | times and masked addresses |

pub(super) mod routes;

mod account_page;
mod account_visit;
mod methods;
mod words;
