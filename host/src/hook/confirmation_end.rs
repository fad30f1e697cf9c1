//! The ends of a confirmation that cannot go on.

use axum::http::StatusCode;

/// The reason why a page cannot go on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ended {
    /// The token is not one of this service.
    Altered,
    Expired,
    /// Another browser has logged in.
    OtherBrowser,
    /// The browser has no open question, or another one.
    NoQuestion,
    /// Another site sent the form.
    ForeignForm,
    /// The maximum number of browsers is waiting for the tenant.
    Busy,
}

impl Ended {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Expired => "expired",
            Self::OtherBrowser => "other_browser",
            Self::NoQuestion => "no_question",
            Self::ForeignForm => "foreign_form",
            Self::Busy => "busy",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Altered | Self::Expired | Self::NoQuestion => StatusCode::BAD_REQUEST,
            Self::OtherBrowser | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Altered => "This question cannot be read. Nothing was linked.",
            Self::Expired => "The time to answer this question is over. Nothing was linked.",
            Self::OtherBrowser => {
                "This question belongs to a login in another browser. If somebody sent you here, close this page. \
                 Otherwise go back to the application and log in again."
            }
            Self::NoQuestion => {
                "This page has expired, or another login was begun in this browser. Go back to the application and \
                 log in again."
            }
            Self::Busy => "Many people confirm an account at this moment. Reload this page in a few seconds.",
            Self::ForeignForm => {
                "This form was sent by another site. Go back to the application and log in again."
            }
        }
    }
}
