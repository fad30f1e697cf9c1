//! Routes of the Authentication API and of the pages that people see.

use axum::Router;
use axum::routing::{get, post};

use crate::tenant::embedded::{
    cross_origin, database, legacy, lock, own_origin, passwordless, resource_owner,
};
use crate::tenant::oauth::{authorize, discovery, logout, token, userinfo};
use crate::tenant::pages::{dev_login, login_forms, login_pages, tickets};
use crate::tenant::state::Shared;

/// Pages of the tenant's own, which no other origin may read.
pub(crate) fn dev_router() -> Router<Shared> {
    Router::new()
        .route("/dev/log-in", get(dev_login::log_in))
        .route("/dev/logged-in", get(dev_login::logged_in))
        .route("/dev/log-out", post(dev_login::log_out))
}

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/authorize", get(authorize::by_query).post(authorize::by_form))
        .route("/u/login", get(login_pages::login).post(login_forms::by_password))
        .route("/u/sign-up", post(login_forms::sign_up))
        .route("/u/stand-in", get(login_pages::stand_in).post(login_forms::by_stand_in))
        .route("/u/code/start", post(login_forms::send_code))
        .route("/u/code", get(login_pages::code).post(login_forms::by_code))
        .route("/u/forgot", get(login_pages::forgot).post(login_forms::forgot))
        .route("/u/skip", post(login_forms::skip))
        .route("/u/email-verification", get(tickets::verification_page).post(tickets::verify_email))
        .route("/u/reset", get(tickets::reset_page).post(tickets::reset))
        .route("/oauth/token", post(token::token))
        .route("/oauth/revoke", post(token::revoke))
        .route("/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
        .route("/.well-known/openid-configuration", get(discovery::configuration))
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route("/v2/logout", get(logout::logout))
        .route("/logout", get(logout::logout))
        .route("/oidc/logout", get(logout::oidc))
        .route("/co/authenticate", post(cross_origin::authenticate))
        .route("/passwordless/start", post(passwordless::start))
        .route("/passwordless/verify", post(passwordless::verify))
        .route("/passwordless/verify_redirect", get(passwordless::verify_redirect))
        .route("/dbconnections/signup", post(database::sign_up))
        .route("/dbconnections/change_password", post(database::change_password))
        .route("/client/{file}", get(lock::client))
        .route("/user/geoloc/country", get(lock::country))
        .route("/js/lock/{version}/{file}", get(lock::language))
        .route("/usernamepassword/login", post(own_origin::login))
        .route("/usernamepassword/challenge", post(own_origin::challenge))
        .route("/login/callback", post(own_origin::callback))
        .route("/user/ssodata", get(own_origin::ssodata))
        .route("/user/ssodata/", get(legacy::ssodata))
        .route("/oauth/ro", post(resource_owner::log_in))
        .route("/tokeninfo", get(legacy::tokeninfo).post(legacy::tokeninfo))
}
