//! The data that every page of a login is rendered from.

use crate::tenant::flows::pending_login::PendingLogin;
use crate::tenant::http::params::Params;

/// A page of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// All connections to log in with.
    Login,
    /// The same page, with the error of the form that creates an account.
    SignUp,
    /// A stand-in provider.
    StandIn,
    /// An address to send a code to.
    SendCode,
    /// The code that was sent.
    Code,
    /// The button of a mailed link that logs in.
    Link,
    /// The code of a second factor.
    SecondFactor,
    /// An address to send a reset link to.
    Forgot,
}

/// The link to the page with all connections.
pub(crate) struct BackLink {
    pub(crate) href: String,
    pub(crate) words: &'static str,
}

/// The error of the form that was sent.
#[derive(Clone, Copy)]
pub(crate) struct FormFault<'a> {
    pub(crate) words: &'a str,
    pub(crate) is_of_sign_up: bool,
}

/// The data of a page of a login.
pub(crate) struct View<'a> {
    pub(crate) pending: &'a PendingLogin,
    pub(crate) params: &'a Params,
    /// The description of the link or unlink that the application requests.
    pub(crate) linking: Option<String>,
    pub(crate) error: Option<&'a str>,
}

/// Builds the path of a page of a login.
pub(crate) fn page_path(page: &str, state: &str, connection: Option<&str>) -> String {
    let mut params = Params::default();
    params.set("state", state);
    if let Some(connection) = connection {
        params.set("connection", connection);
    }
    format!("/u/{page}?{}", params.to_query())
}
