//! Requests as every endpoint reads them: the visit, its parameters, and where its
//! work runs.

pub(super) mod blocking;
pub(super) mod browser;
pub(super) mod html;
pub(super) mod json_object;
pub(super) mod oauth_error;
pub(super) mod params;
pub(super) mod visit;
