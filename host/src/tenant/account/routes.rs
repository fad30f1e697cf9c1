//! The paths of the account page.

use axum::Router;
use axum::routing::{get, post};

use crate::tenant::account::account_page;
use crate::tenant::state::Shared;

pub(in crate::tenant) fn router() -> Router<Shared> {
    Router::new()
        .route("/account", get(account_page::show))
        .route(account_page::LOG_OUT, post(account_page::log_out))
}
