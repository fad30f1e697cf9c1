//! The persons who may enter, and the origin of the pages.

#[cfg(feature = "hook")]
use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::HOST;
#[cfg(feature = "hook")]
use axum::http::{Method, StatusCode};
use axum::response::Response;

use super::frame::Operator;
#[cfg(feature = "hook")]
use super::frame::{Frame, Message, show_message};
#[cfg(feature = "hook")]
use super::login::operator_login::OperatorLogin;
#[cfg(feature = "hook")]
use super::login::return_path::path_of_login;
#[cfg(feature = "hook")]
use super::paths::HOME;
#[cfg(feature = "hook")]
use super::redirect::see_page;
use crate::service::forms::{FormFault, refuse_foreign};

/// The persons who may enter.
#[derive(Clone)]
pub(super) enum Access {
    /// Everybody: the server listens on this machine only, and refuses other hosts than its own.
    Local,
    /// Operators who have logged in.
    #[cfg(feature = "hook")]
    Operators(Arc<OperatorLogin>),
}

impl Access {
    /// Returns the operator who visits. A page leads to the login without one, and a form is refused.
    #[cfg_attr(
        not(feature = "hook"),
        allow(unused_variables, reason = "only operators who log in need the request")
    )]
    pub(super) fn identify(&self, request: &Request) -> Result<Operator, Box<Response>> {
        match self {
            Self::Local => Ok(Operator { name: "local".to_owned(), session: String::new() }),
            #[cfg(feature = "hook")]
            Self::Operators(login) => {
                login.find_operator(request.headers()).ok_or_else(|| Box::new(lead_to_login(request)))
            }
        }
    }

    /// Refuses a request of a page of another origin.
    pub(super) fn refuse_foreign(&self, headers: &HeaderMap) -> Result<(), FormFault> {
        let origins = self.own_origins(headers);
        let is_own = origins.iter().any(|origin| refuse_foreign(headers, origin).is_ok());
        if is_own { Ok(()) } else { Err(FormFault::Foreign) }
    }

    /// Returns the origins of the console's own pages.
    fn own_origins(&self, headers: &HeaderMap) -> Vec<String> {
        match self {
            Self::Local => {
                let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
                // Each port of the server has one scheme.
                vec![format!("http://{host}"), format!("https://{host}")]
            }
            #[cfg(feature = "hook")]
            Self::Operators(login) => vec![login.origin.clone()],
        }
    }

    /// Returns whether an operator's session is still open. This does not count as a use.
    pub(super) fn is_open(&self, operator: &Operator) -> bool {
        match self {
            Self::Local => operator.session.is_empty(),
            #[cfg(feature = "hook")]
            Self::Operators(login) => login.is_open(operator),
        }
    }

    /// Returns whether operators log in, so that they can log out.
    pub(super) fn has_login(&self) -> bool {
        !matches!(self, Self::Local)
    }
}

#[cfg(feature = "hook")]
fn lead_to_login(request: &Request) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return see_page(&path_of_login(request));
    }
    tracing::warn!(target: "audit", code = "no_session", "a form of the console was refused");
    let message = Message {
        title: "You are not logged in",
        words: "Your session has ended. Nothing was changed.",
        link: Some((HOME, "Log in")),
    };
    show_message(Frame::new(None), StatusCode::FORBIDDEN, &message)
}
