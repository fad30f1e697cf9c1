//! A login whose page is open.

use crate::model::Step;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::flows::errand::Errand;
use crate::tenant::flows::linking_request::LinkingStep;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::store::weight::Weighed;

/// A login whose page is open.
#[derive(Debug, Clone)]
pub(crate) struct PendingLogin {
    pub(crate) authorization: Authorization,
    /// The id of the browser that the page was shown to.
    pub(crate) browser: String,
    /// The step that the plugin suggests, if it suggests one.
    pub(crate) suggestion: Option<Suggestion>,
    /// The step of a link that the application requests, if it requests one.
    pub(crate) linking: Option<LinkingStep>,
    /// The errand of the account page, if the login is one.
    pub(crate) errand: Option<Errand>,
    /// The first factor of a login that waits for its second one.
    pub(crate) first_factor: Option<ProvedIdentity>,
    /// Whether the login begins a session: not if it began by a link of another browser.
    pub(crate) begins_session: bool,
    /// The notice at the top of the login page.
    pub(crate) notice: Option<&'static str>,
}

impl PendingLogin {
    /// A login of this browser whose page is about to open.
    pub(crate) fn new(authorization: Authorization, browser: String) -> Self {
        Self {
            authorization,
            browser,
            suggestion: None,
            linking: None,
            errand: None,
            first_factor: None,
            begins_session: true,
            notice: None,
        }
    }

    /// Returns whether the login page offers a connection.
    pub(crate) fn offers(&self, connection: &str) -> bool {
        let only = self.linking.as_ref().and_then(LinkingStep::only_connection);
        only.is_none_or(|only| connection == only)
            && self.errand.as_ref().is_none_or(|errand| errand.offers(connection))
    }

    /// Returns whether a new account may be created. A user who is asked for an existing account
    /// does not create one.
    pub(crate) fn may_sign_up(&self) -> bool {
        self.suggestion.is_none()
            && self.linking.as_ref().is_none_or(LinkingStep::may_sign_up)
            && self.errand.is_none()
    }
}

impl Weighed for PendingLogin {
    fn bytes(&self) -> usize {
        let Self { authorization, browser, suggestion, linking, errand, first_factor, .. } = self;
        let steps = suggestion.bytes() + linking.bytes() + errand.bytes() + first_factor.bytes();
        authorization.bytes() + browser.len() + steps
    }
}

/// A login that waits for the proof of a second account, which the plugin suggests.
#[derive(Debug, Clone)]
pub(crate) struct Suggestion {
    /// The identity that has logged in.
    pub(crate) proved: ProvedIdentity,
    /// The id of its user.
    pub(crate) current: String,
    pub(crate) step: Step,
    /// The accounts of which one is to be proved. Nothing of them is shown before.
    pub(crate) candidates: Vec<String>,
    /// The address of the user who has logged in.
    pub(crate) email: Option<String>,
    /// The name of the same user.
    pub(crate) name: Option<String>,
    /// The policy that suggests the step.
    pub(crate) policy: String,
}

impl Weighed for Suggestion {
    fn bytes(&self) -> usize {
        let Self { proved, current, step: _, candidates, email, name, policy } = self;
        proved.bytes() + current.len() + candidates.bytes() + email.bytes() + name.bytes() + policy.len()
    }
}
