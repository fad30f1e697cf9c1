//! The paths of the account page.

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use crate::tenant::account::paths::{ADD, HISTORY, LINK, REMOVE, UNDO, VERIFY};
use crate::tenant::account::{
    account_page, add, freshness, history, link, link_page, objection, remove, undo_link, verify,
};
use crate::tenant::state::Shared;

pub(in crate::tenant) fn router() -> Router<Shared> {
    let add = |router: Router<Shared>, (path, methods)| router.route(path, methods);
    routes().into_iter().fold(Router::new(), add)
}

/// Returns the paths, on which faults can be injected.
pub(in crate::tenant) fn paths() -> Vec<String> {
    routes().into_iter().map(|(path, _)| path.to_owned()).collect()
}

fn routes() -> Vec<(&'static str, MethodRouter<Shared>)> {
    vec![
        ("/account", get(account_page::show)),
        (account_page::LOG_OUT, post(account_page::log_out)),
        (freshness::FRESH, post(freshness::refresh)),
        (ADD, get(add::begin)),
        (LINK, get(link::preview).post(link::confirm)),
        (link_page::CANCEL, post(link::cancel)),
        (VERIFY, post(verify::send)),
        (REMOVE, get(remove::show_effect).post(remove::remove)),
        (HISTORY, get(history::show)),
        (UNDO, get(undo_link::show_effect).post(undo_link::undo)),
        ("/account/objection", get(objection::show).post(objection::object)),
    ]
}
