//! Links that an application requests with `link_with`.

pub(super) mod completion;
pub(super) mod request;
