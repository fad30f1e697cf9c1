//! The Authentication API, and the pages that people see.
//!
//! | file | what |
//! |---|---|
//! | `authorize`, `authorization` | a login that an application asks for |
//! | `pages`, `login_page`, `steps` | what people see and send while they log in |
//! | `prove` | who they prove to be |
//! | `answer` | how the application gets its answer |
//! | `linking`, `link_steps`, `linked` | a link that an application asks for |
//! | `token`, `grants`, `client_auth` | the token endpoint |
//! | `userinfo`, `bearer`, `discovery`, `logout` | the rest of OpenID Connect |
//! | `cross_origin`, `passwordless`, `database` | logins within the application's own pages |
//! | `dev_login` | a login that needs no application |
//! | `first_proof` | what the first proof of a mailbox parts |
//! | `tickets` | links that the Management API hands out |
//! | `lock`, `own_origin`, `legacy`, `resource_owner` | what Lock and older clients ask for besides |

mod answer;
mod authorization;
mod authorize;
mod bearer;
mod client_auth;
mod cross_origin;
mod database;
mod dev_login;
mod discovery;
mod error;
mod first_proof;
mod grants;
mod legacy;
mod link_steps;
mod linked;
mod linking;
mod lock;
mod login_page;
mod logout;
mod own_origin;
mod pages;
mod params;
mod passwordless;
mod prove;
mod resource_owner;
mod steps;
pub(super) mod tickets;
mod token;
mod userinfo;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::routing::{get, post};

pub(super) use error::too_many;
pub(super) use pages::error as error_page;

use super::Shared;
use super::attempts::Attempts;
use super::config::Lifetimes;
use super::login::Proved;
use super::login_name;
use super::one_time::{OneTime, Use};
use super::weighed::Weighed;
use crate::model::{Moment, User};
use grants::Code;
use prove::MailedCode;
use steps::Pending;
use tickets::Tickets;

/// What is under way.
pub(super) struct Flows {
    /// Logins whose page is open.
    pending: OneTime<Arc<Pending>>,
    /// Authorization codes.
    codes: OneTime<Arc<Code>>,
    /// Codes that were used, and what came of them.
    spent_codes: OneTime<Arc<Mutex<Spent>>>,
    /// What `/co/authenticate` has given out.
    login_tickets: OneTime<Ticket>,
    /// How often one-time passwords are guessed.
    attempts: Attempts,
    /// One-time passwords, by connection and address.
    mailed_codes: OneTime<Arc<MailedCode>>,
    /// Links that verify an address.
    pub(super) verifications: OneTime<Verification>,
    /// Links to a page that asks for a new password.
    resets: OneTime<ResetTicket>,
    /// Links that the Management API hands out.
    pub(super) tickets: Tickets,
}

/// What a login ticket stands for.
#[derive(Clone)]
struct Ticket {
    client_id: String,
    proved: Proved,
    /// The browser that got it, as far as a cookie can tell.
    browser: String,
    /// Whether the browser brought that cookie, and will again.
    brought: bool,
    /// Whether somebody has logged in by it.
    used: Arc<Use>,
}

impl Weighed for Ticket {
    fn bytes(&self) -> usize {
        self.client_id.len() + self.proved.bytes() + self.browser.len()
    }
}

/// The user and the address that a verifying link stands for.
#[derive(Clone)]
pub(super) struct Verification {
    pub(super) user_id: String,
    pub(super) email: String,
}

impl Weighed for Verification {
    fn bytes(&self) -> usize {
        self.user_id.len() + self.email.len()
    }
}

/// What a link to a page that asks for a new password stands for.
#[derive(Clone)]
struct ResetTicket {
    connection: String,
    email: String,
    /// The identity that the address was of, without `auth0|`.
    user_id: String,
    began: Moment,
}

impl Weighed for ResetTicket {
    fn bytes(&self) -> usize {
        self.connection.len() + self.email.len() + self.user_id.len()
    }
}

/// What came of a code.
#[derive(Default)]
struct Spent {
    /// The family of its refresh tokens.
    family: Option<String>,
    /// Whether it came again before that was known.
    replayed: bool,
}

impl Weighed for Mutex<Spent> {
    fn bytes(&self) -> usize {
        let spent = self.lock().unwrap_or_else(PoisonError::into_inner);
        spent.family.bytes()
    }
}

impl Flows {
    /// Ends the one-time passwords and links that were sent to the mailboxes and
    /// phones which this user logs in by.
    pub(super) fn end_mailed_codes(&self, user: &User) {
        for identity in user.identities.iter().filter(|it| matches!(it.provider.as_str(), "email" | "sms")) {
            let is_own = identity.as_user_id() == user.user_id;
            let (email, rest) = (user.email.as_deref(), Some(&user.rest));
            let of_profile = |name: &str| identity.profile_data.as_ref()?.get(name)?.as_str();
            let of_root = |name: &str| rest.and_then(|it| it.get(name)).and_then(|it| it.as_str());
            let address = match (identity.provider.as_str(), is_own) {
                ("email", true) => email,
                ("email", false) => of_profile("email"),
                (_, true) => of_root("phone_number"),
                (_, false) => of_profile("phone_number"),
            };
            if let Some(address) = address {
                self.mailed_codes.take(&login_name(&identity.connection, &address.to_ascii_lowercase()));
            }
        }
    }

    pub(super) fn new(lifetimes: &Lifetimes) -> Self {
        // Links in mails wait for people to read them.
        const MAIL_S: u64 = 86_400;
        Self {
            pending: OneTime::new(lifetimes.code.max(600)),
            codes: OneTime::new(lifetimes.code),
            spent_codes: OneTime::new(lifetimes.code),
            login_tickets: OneTime::new(lifetimes.code),
            attempts: Attempts::new(),
            mailed_codes: OneTime::new(lifetimes.mailed_code),
            verifications: OneTime::new(MAIL_S),
            resets: OneTime::new(MAIL_S),
            tickets: Tickets::new(),
        }
    }
}

/// Pages of the tenant's own, which no other origin may read.
pub(super) fn dev_router() -> Router<Shared> {
    Router::new()
        .route("/dev/log-in", get(dev_login::log_in))
        .route("/dev/logged-in", get(dev_login::logged_in))
        .route("/dev/log-out", post(dev_login::log_out))
}

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/authorize", get(authorize::by_query).post(authorize::by_form))
        .route("/u/login", get(pages::login).post(steps::by_password))
        .route("/u/sign-up", post(steps::sign_up))
        .route("/u/stand-in", get(pages::stand_in).post(steps::by_stand_in))
        .route("/u/code/start", post(steps::send_code))
        .route("/u/code", get(pages::code).post(steps::by_code))
        .route("/u/forgot", get(pages::forgot).post(steps::forgot))
        .route("/u/skip", post(steps::skip))
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
