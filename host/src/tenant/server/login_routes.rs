//! Routes of the Authentication API and of the pages shown to users.

use axum::routing::{get, post};

use crate::tenant::embedded::passwordless::refuse_head;
use crate::tenant::embedded::{
    cross_origin, database, legacy, lock, own_origin, passwordless, resource_owner,
};
use crate::tenant::oauth::{authorization_response, authorize, discovery, logout, token, userinfo};
use crate::tenant::pages::{dev_login, login_forms, login_links, login_pages, second_factor, tickets};
use crate::tenant::server::route_list::RouteList;

/// Returns the routes of the tenant's own development pages, which no other origin may read.
pub(crate) fn dev_router() -> RouteList {
    RouteList::default()
        .route("/dev/log-in", get(dev_login::log_in))
        .route("/dev/logged-in", get(dev_login::show_user))
        .route("/dev/log-out", post(dev_login::log_out))
}

/// Returns the routes of the scripts, which no limit keeps from a login that has been answered.
pub(crate) fn script_router() -> RouteList {
    RouteList::default()
        .route("/u/submit.js", get(authorization_response::submit_script))
        .route("/u/message.js", get(authorization_response::message_script))
}

pub(crate) fn router() -> RouteList {
    RouteList::default()
        .route("/authorize", get(authorize::authorize).post(authorize::authorize))
        .route("/u/login", get(login_pages::show_login).post(login_forms::log_in_with_password))
        .route("/u/sign-up", post(login_forms::sign_up))
        .route("/u/stand-in", get(login_pages::show_stand_in).post(login_forms::log_in_with_stand_in))
        .route("/u/code/start", post(login_forms::send_code))
        .route("/u/code", get(login_pages::show_code).post(login_forms::log_in_with_code))
        .route("/u/link", get(login_links::show_link).post(login_links::log_in_by_link))
        .route("/u/second-factor", get(second_factor::show).post(second_factor::pass))
        .route("/u/second-factor/send", post(second_factor::send))
        .route("/u/forgot", get(login_pages::show_forgot).post(login_forms::send_reset_link))
        .route("/u/skip", post(login_forms::skip_linking))
        .route("/u/email-verification", get(tickets::show_verification).post(tickets::verify_email))
        .route("/u/reset", get(tickets::show_reset).post(tickets::reset_password))
        .route("/oauth/token", post(token::issue_tokens))
        .route("/oauth/revoke", post(token::revoke))
        .route("/userinfo", get(userinfo::show).post(userinfo::show))
        .route("/.well-known/openid-configuration", get(discovery::configuration))
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route("/v2/logout", get(logout::log_out))
        .route("/logout", get(logout::log_out))
        .route("/oidc/logout", get(logout::log_out_by_oidc))
        .route("/co/authenticate", post(cross_origin::authenticate))
        .route("/passwordless/start", post(passwordless::start))
        .route("/passwordless/verify", post(passwordless::verify))
        .route("/passwordless/verify_redirect", get(passwordless::log_in_by_link).head(refuse_head))
        .route("/dbconnections/signup", post(database::sign_up))
        .route("/dbconnections/change_password", post(database::change_password))
        .route("/client/{file}", get(lock::describe_client))
        .route("/user/geoloc/country", get(lock::show_country))
        .route("/js/lock/{version}/{file}", get(lock::show_language))
        .route("/usernamepassword/login", post(own_origin::log_in))
        .route("/usernamepassword/challenge", post(own_origin::challenge))
        .route("/login/callback", post(own_origin::continue_login))
        .route("/user/ssodata", get(own_origin::ssodata))
        .route("/user/ssodata/", get(legacy::ssodata))
        .route("/oauth/ro", post(resource_owner::issue_tokens))
        .route("/tokeninfo", get(legacy::tokeninfo).post(legacy::tokeninfo))
}
