//! The paths of the account page.

use axum::Router;
use axum::routing::{get, post};

use crate::tenant::account::{
    account_page, add, freshness, history, link, link_page, objection, remove, undo_link, verify,
};
use crate::tenant::state::Shared;

pub(in crate::tenant) fn router() -> Router<Shared> {
    Router::new()
        .route("/account", get(account_page::show))
        .route(account_page::LOG_OUT, post(account_page::log_out))
        .route(freshness::FRESH, post(freshness::refresh))
        .route("/account/add", get(add::begin))
        .route(link_page::LINK, get(link::preview).post(link::confirm))
        .route(link_page::CANCEL, post(link::cancel))
        .route(verify::VERIFY, post(verify::send))
        .route(remove::REMOVE, get(remove::show_effect).post(remove::remove))
        .route("/account/history", get(history::show))
        .route(undo_link::UNDO, get(undo_link::show_effect).post(undo_link::undo))
        .route("/account/objection", get(objection::show).post(objection::object))
}
