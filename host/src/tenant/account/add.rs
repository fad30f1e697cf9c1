//! Adding another way to log in: the proof of a second account.

use axum::http::StatusCode;
use axum::response::Response;

use crate::tenant::account::account_visit::show;
use crate::tenant::account::change::Change;
use crate::tenant::config::ACCOUNT_CLIENT;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::flows::errand::{Errand, ProveErrand};
use crate::tenant::http::visit::Visit;
use crate::tenant::notices::words::name_user;
use crate::tenant::oauth::browser_visit::BrowserVisit;

/// The most characters of a name on the login page.
const LONGEST_NAME: usize = 128;

/// `GET /account/add`: leads to the login page, on which the user proves the second account.
pub(super) async fn begin(visit: Visit) -> Response {
    show(visit, |visit| {
        if let Err(refusal) = visit.require_fresh(&Change::Add, StatusCode::OK) {
            return *refusal;
        }
        let errand = ProveErrand {
            sid: visit.session.sid.clone(),
            owner: visit.user().user_id.clone(),
            name: name_user(visit.user()).chars().take(LONGEST_NAME).collect(),
        };
        let authorization = Authorization::on_own_page(ACCOUNT_CLIENT, visit.address("/account/link"), None);
        BrowserVisit::new(visit.visit).show_errand(authorization, Errand::Prove(errand))
    })
    .await
}
