//! A login without an application, for trying logins by hand. It ends on a page of the
//! tenant that shows who is logged in, by the session of the browser. No token is issued.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::model::{Identity, User};
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::http::browser::Browser;
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::visit::Visit;
use crate::tenant::oauth::browser_visit::BrowserVisit;
use crate::tenant::profile;

/// `GET /dev/log-in`: redirects to the login page, as an application would.
pub(crate) async fn log_in(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let client = visit.params.get("client_id").and_then(|id| visit.tenant.config.client(id));
            let Some(client) = client.filter(|client| client.is_for_browsers()) else {
                let words = "There is no application of that name to log in to.";
                return html::error_page(StatusCode::BAD_REQUEST, words);
            };
            let page = format!("{}dev/logged-in", visit.issuer);
            let login_hint = visit.params.get_owned("login_hint");
            let authorization = Authorization::on_own_page(&client.client_id, page, login_hint);
            BrowserVisit::new(visit).show_login(authorization)
        })
        .await
}

#[derive(Template)]
#[template(path = "logged_in.html")]
struct LoggedInPage<'a> {
    who: Option<ShownUser<'a>>,
}

struct ShownUser<'a> {
    user_id: &'a str,
    name: String,
    /// A data URL, because pages do not load anything from other servers.
    picture: Option<String>,
    email: Option<&'a str>,
    is_verified: bool,
    /// The label of the connection that the session began with.
    way: &'a str,
    identities: &'a [Identity],
}

/// `GET /dev/logged-in`: shows who is logged in in this browser.
pub(crate) async fn show_user(visit: Visit<()>) -> Response {
    visit
        .respond(|visit| {
            let tenant = &*visit.tenant;
            let session = Browser::from_visit(visit).session(&tenant.people.sessions);
            let known = session.as_ref().map_or(Ok(None), |session| tenant.logins.find_session_user(session));
            let user = match known {
                Ok(stored) => stored.map(|stored| stored.user),
                Err(error) => return unavailable(error).into_response(),
            };
            let way = session.as_ref().map_or("", |session| {
                let connection = tenant.config.connection(&session.proved.connection);
                match connection {
                    Some(it) if it.is_database() && it.label() == it.name => "Password",
                    Some(it) => it.label(),
                    None => session.proved.connection.as_str(),
                }
            });
            let page = LoggedInPage { who: user.as_ref().map(|user| ShownUser::new(user, way)) };
            page::respond(StatusCode::OK, page.render())
        })
        .await
}

impl<'a> ShownUser<'a> {
    fn new(user: &'a User, way: &'a str) -> Self {
        let [(_, name), _, (_, picture)] = profile::derive_profile(user);
        Self {
            user_id: &user.user_id,
            name,
            picture: Some(picture).filter(|picture| picture.starts_with("data:image/")),
            email: user.email.as_deref(),
            is_verified: user.email_verified.is_verified(),
            way,
            identities: &user.identities,
        }
    }
}

/// `POST /dev/log-out`: ends the session of this browser. Accepts only forms of the
/// tenant's own pages.
pub(crate) async fn log_out(visit: Visit<()>) -> Response {
    visit
        .respond(|visit| {
            if visit.is_cross_origin() {
                return html::error_page(StatusCode::FORBIDDEN, "This page was sent by another site.");
            }
            let mut browser = Browser::from_visit(visit);
            browser.end_session(&visit.tenant.people.sessions);
            let page = see_other(&format!("{}dev/logged-in", visit.issuer));
            (browser.into_cookies(), page).into_response()
        })
        .await
}
