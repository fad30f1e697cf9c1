//! The operators' login, by OpenID Connect at any provider, and their sessions.
//!
//! | file | contents |
//! |---|---|
//! | `login_pages` | the way to the issuer and back, and logging out |
//! | `settings` | the settings of the login, and their faults |
//! | `operator_login` | the parts of the login |
//! | `operator_list` | the persons who may enter |
//! | `sessions` | the sessions of operators, in memory |
//! | `attempt_cookie` | the login that a browser has begun |
//! | `cookies` | the names and the attributes of the cookies |
//! | `return_path` | the page to which a login leads |

mod attempt_cookie;
mod cookies;
pub(super) mod login_pages;
mod operator_list;
pub(super) mod operator_login;
pub(super) mod return_path;
mod sessions;
mod settings;

pub use settings::{ConsoleError, OperatorSettings};
