//! The addresses of the account page's forms.

pub(super) const LINK: &str = "/account/link";
pub(super) const REMOVE: &str = "/account/remove";
pub(super) const UNDO: &str = "/account/undo";
pub(super) const VERIFY: &str = "/account/verify";
