//! The addresses of the account page's forms, and of the pages that a login leads back to.

pub(super) const ADD: &str = "/account/add";
pub(super) const HISTORY: &str = "/account/history";
pub(super) const LINK: &str = "/account/link";
pub(super) const REMOVE: &str = "/account/remove";
pub(super) const UNDO: &str = "/account/undo";
pub(super) const VERIFY: &str = "/account/verify";
