//! One visit of the console by an operator, and the forms that it may send.

use std::sync::Arc;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{Path, Request};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

#[cfg(feature = "hook")]
use super::access::Access;
use super::frame::{Frame, Message, Operator, show_message};
#[cfg(feature = "hook")]
use super::login::operator_login::OperatorLogin;
use super::params::Params;
use super::paths::{HOME, LOG_OUT};
use super::state::Console;
use crate::directory::{Administration, Provenance};
use crate::model::{ApiError, Timestamp, mask_addresses};
use crate::service::blocking::run_blocking;
use crate::service::forms::{Form, FormFault};
use crate::service::page;

/// A visit by an operator.
pub(super) struct ConsoleVisit {
    pub(super) console: Arc<Console>,
    pub(super) operator: Operator,
    pub(super) params: Params,
    /// The id in the path; empty if the path has none.
    pub(super) id: String,
    /// The path of the request, which a form's token belongs to.
    path: String,
}

/// A response other than the one that was asked for.
pub(super) type RefusalPage = Box<Response>;
/// The response to a visit.
pub(super) type PageResult = Result<Response, RefusalPage>;

/// Responds to a visit by work that takes no time. A form is checked first.
pub(super) async fn respond_at_once(
    console: Arc<Console>,
    request: Request,
    render: fn(&ConsoleVisit) -> PageResult,
) -> Response {
    match open(console, request).await {
        Ok(visit) => render(&visit).unwrap_or_else(|refusal| *refusal),
        Err(refusal) => *refusal,
    }
}

/// Responds to a visit by work that waits for the directory. A form is checked first.
pub(super) async fn respond(
    console: Arc<Console>,
    request: Request,
    render: fn(&ConsoleVisit) -> PageResult,
) -> Response {
    match open(console, request).await {
        Ok(visit) => match visit.console.places.clone().try_acquire_owned() {
            Ok(place) => {
                run_blocking(move || {
                    let _place = place;
                    render(&visit).unwrap_or_else(|refusal| *refusal)
                })
                .await
            }
            Err(_) => refuse_without_place(&visit),
        },
        Err(refusal) => *refusal,
    }
}

fn refuse_without_place(visit: &ConsoleVisit) -> Response {
    tracing::warn!(
        target: "audit", operator = %visit.masked_name(), path = %mask_addresses(&visit.path),
        "a request to the console was refused, because it is busy"
    );
    let words = "The console is busy with other pages. Nothing was changed. Try again in a second.";
    let mut page = *visit.refuse(StatusCode::SERVICE_UNAVAILABLE, words);
    page.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    page
}

async fn open(console: Arc<Console>, mut request: Request) -> Result<ConsoleVisit, RefusalPage> {
    let operator = console.access.identify(&request)?;
    let path = request.uri().path().to_owned();
    let id = request.extract_parts::<Path<String>>().await.map(|Path(id)| id).unwrap_or_default();
    let form = (request.method() == Method::POST).then(|| request.headers().clone());
    let params = match form {
        Some(_) => request.extract::<Bytes, _>().await.ok().and_then(|body| Params::read(&body)),
        None => Params::read(request.uri().query().unwrap_or_default().as_bytes()),
    };
    let is_readable = params.is_some() && !id.contains('\0');
    let visit = ConsoleVisit { console, operator, params: params.unwrap_or_default(), id, path };
    if !is_readable {
        let words = "The request has a parameter twice, is too long, or contains the character NUL.";
        return Err(visit.refuse(StatusCode::BAD_REQUEST, words));
    }
    if let Some(headers) = form {
        visit.accept_form(&headers).map_err(|fault| visit.refuse_form(fault))?;
    }
    Ok(visit)
}

impl ConsoleVisit {
    fn accept_form(&self, headers: &HeaderMap) -> Result<(), FormFault> {
        self.console.access.refuse_foreign(headers)?;
        let form = Form { action: &self.path, session: &self.operator.session };
        self.console.form_key.check(form, self.params.get("form").unwrap_or_default())
    }

    fn refuse_form(&self, fault: FormFault) -> RefusalPage {
        tracing::warn!(
            target: "audit", operator = %self.masked_name(), ?fault, path = %mask_addresses(&self.path),
            "a form of the console was refused"
        );
        match fault {
            FormFault::Foreign => self.refuse(StatusCode::FORBIDDEN, "This form was sent by another site."),
            FormFault::Expired => self.refuse(
                StatusCode::BAD_REQUEST,
                "This page has expired. Open it again. Nothing was changed.",
            ),
        }
    }

    /// Returns the token of a form that is sent to `action`.
    pub(super) fn form_token(&self, action: &str) -> String {
        self.console.form_key.issue(Form { action, session: &self.operator.session })
    }

    pub(super) fn frame(&self) -> Frame {
        let log_out = self.console.access.has_login().then(|| self.form_token(LOG_OUT));
        Frame { log_out, ..Frame::new(Some(&self.operator)) }
    }

    /// Returns the login of the operators; none if the console has none.
    #[cfg(feature = "hook")]
    pub(super) fn login(&self) -> Option<&OperatorLogin> {
        match &self.console.access {
            Access::Local => None,
            Access::Operators(login) => Some(login),
        }
    }

    pub(super) fn directory(&self) -> &dyn Administration {
        &*self.console.directory
    }

    pub(super) fn now(&self) -> Timestamp {
        self.console.ambient.now()
    }

    /// Returns the provenance of a change by the operator.
    pub(super) fn provenance(&self) -> Arc<Provenance> {
        Arc::new(Provenance::operator(self.operator.name.clone()))
    }

    /// Responds with a page.
    pub(super) fn show(&self, status: StatusCode, page: askama::Result<String>) -> Response {
        page::respond(status, page)
    }

    /// A page that says why something did not work.
    pub(super) fn refuse(&self, status: StatusCode, words: &str) -> RefusalPage {
        self.refuse_with_link(status, words, (HOME, "Back to the console"))
    }

    /// The same, with the address and the words of a link.
    pub(super) fn refuse_with_link(
        &self,
        status: StatusCode,
        words: &str,
        link: (&str, &str),
    ) -> RefusalPage {
        let message = Message { title: "This did not work", words, link: Some(link) };
        Box::new(show_message(self.frame(), status, &message))
    }

    /// A page that says that the directory does not answer.
    pub(super) fn refuse_unavailable(&self, error: &ApiError) -> RefusalPage {
        let why = mask_addresses(&error.to_string()).into_owned();
        tracing::error!(error = %why, "the directory failed");
        let words = format!("The directory failed, and nothing was changed: {why}");
        self.refuse(StatusCode::SERVICE_UNAVAILABLE, &words)
    }

    /// Writes to the audit log that the operator has seen or changed a user, or was refused.
    pub(super) fn audit(&self, action: &'static str, subject: &str) {
        tracing::info!(
            target: "audit", operator = %self.masked_name(), action, subject = %mask_addresses(subject), "console"
        );
    }

    fn masked_name(&self) -> String {
        mask_addresses(&self.operator.name).into_owned()
    }
}
