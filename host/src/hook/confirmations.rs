//! The confirmation of another account: its configuration, the question that begins it, and
//! the answer that ends it.

use std::sync::Arc;

use aws_lc_rs::hmac;
use tokio::sync::Semaphore;
use url::Url;

use super::question::{AnswerFault, BrowserTraits, Digest, Question, SealedAnswer, count_prompts};
use super::secrets::Secrets;
use crate::ambient::Ambient;
use crate::auth0::{ClientCredentials, SetupError, TenantAddress};
use crate::model::{LoginEvent, Step, StepAnswer, User, truncate};
use crate::oidc::{OidcClient, OidcError};
use crate::policies::LoadedPolicy;
use crate::service::public_url::parse_public_url;
use crate::service::sealing::{Purpose, open, seal};

/// The time in which a question can be answered, in seconds.
///
/// Source: Auth0 Actions, the default of `api.redirect.encodeToken`.
const QUESTION_LIFE: u64 = 900;

/// The most requests of browsers for which the tenant is asked at once. Each takes a thread of those
/// that decide logins, and one browser can send any number of them.
const MOST_AT_TENANT: usize = 32;

/// The longest token that a URL and a cookie are to carry.
const LONGEST_TOKEN: usize = 2_000;

/// The longest name of a user on the page, in bytes.
const LONGEST_NAME: usize = 100;

/// The purpose of a question that is on its way to the page.
pub(super) const QUESTION: Purpose = Purpose::new("ligature sealed question v1");
/// The purpose of an answer that is on its way to the Action.
pub(super) const ANSWER: Purpose = Purpose::new("ligature sealed answer v1");

/// The paths of the pages.
pub(super) const ASK: &str = "/v1/confirm";
pub(super) const LOG_IN: &str = "/v1/confirm/login";
pub(super) const CALLBACK: &str = "/v1/confirm/callback";
pub(super) const DECLINE: &str = "/v1/confirm/decline";
/// The path of the script that sends a browser back to the tenant.
pub(super) const SUBMIT_SCRIPT: &str = "/v1/confirm/submit.js";

/// The settings of the confirmation.
#[derive(Debug, Clone)]
pub struct ConfirmationSettings {
    /// The URL of this service, as browsers see it.
    pub public_url: String,
    /// The domain at which users log in, with its port.
    pub tenant: String,
    /// The connection that every user is sent to; none to let the user choose.
    pub connection: Option<String>,
    /// The application at the tenant.
    pub credentials: ClientCredentials,
}

/// The reason why the confirmation cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmationError {
    /// The public URL is malformed, or cannot protect a login.
    #[error("the URL of the confirmation cannot be used: {0}; expected one such as https://hook.example.com")]
    PublicUrl(&'static str),
    /// The domain of the tenant is malformed.
    #[error("the domain at which users log in cannot be used: {0}; expected one such as login.example.com")]
    Domain(String),
    /// The tenant cannot be reached from this machine.
    #[error(transparent)]
    Tenant(#[from] SetupError),
    /// The tenant does not answer as a tenant does.
    #[error("the tenant at which users log in: {0}")]
    Unreachable(String),
}

/// The confirmation of accounts, which asks users and reads their answers.
pub struct Confirmations {
    pub(super) public_url: Url,
    pub(super) connection: Option<String>,
    pub(super) oidc: OidcClient,
    /// The turns of requests that ask the tenant.
    pub(super) turns: Arc<Semaphore>,
    pub(super) ambient: Ambient,
}

/// A login, and its user as the directory has it now.
#[derive(Clone, Copy)]
pub(super) struct CurrentLogin<'a> {
    pub(super) event: &'a LoginEvent,
    pub(super) user: &'a User,
}

/// A suggestion of a policy, about which the user is asked.
pub(super) struct SuggestedStep<'a> {
    pub(super) policy: &'a LoadedPolicy,
    pub(super) step: Step,
    pub(super) candidates: &'a [String],
    /// Whether the tenant is asked for a second factor.
    pub(super) second_factor: bool,
}

/// A question that was put into a token.
pub(super) struct Redirect {
    pub(super) url: String,
    pub(super) token: String,
}

impl Confirmations {
    /// Checks the settings. Asks the tenant for nothing yet.
    ///
    /// # Errors
    ///
    /// If one of the settings cannot be used.
    pub fn new(settings: ConfirmationSettings, ambient: &Ambient) -> Result<Self, ConfirmationError> {
        let public_url = parse_confirmation_url(&settings.public_url)?;
        let tenant = format!("auth0://{}", settings.tenant).parse().map_err(|error| match error {
            SetupError::Address(why) => ConfirmationError::Domain(why),
            error => error.into(),
        });
        let tenant: TenantAddress = tenant?;
        let redirect_uri = join_path(&public_url, CALLBACK);
        let oidc = OidcClient::new(&tenant, settings.credentials, redirect_uri, ambient)?;
        let turns = Arc::new(Semaphore::new(MOST_AT_TENANT));
        Ok(Self { public_url, connection: settings.connection, oidc, turns, ambient: ambient.clone() })
    }

    /// Checks that the tenant answers, and that it accepts the application, its secret and its
    /// callback. Returns the callback.
    ///
    /// # Errors
    ///
    /// If the tenant does not answer as a tenant does, or refuses the application.
    pub fn check(&self) -> Result<Url, ConfirmationError> {
        self.oidc.check().map_err(|error: OidcError| ConfirmationError::Unreachable(error.to_string()))?;
        Ok(join_path(&self.public_url, CALLBACK))
    }

    /// Returns whether a login is one to prove an account. It is decided with the login that
    /// waits for it.
    pub(super) fn is_proof(&self, event: &LoginEvent) -> bool {
        event.client.as_ref().is_some_and(|client| client.client_id == self.oidc.client_id())
    }

    /// Puts a question into a token, without the user's name if it is too large otherwise.
    /// `None` if it is too large even so.
    pub(super) fn ask(
        &self,
        login: CurrentLogin<'_>,
        suggestion: SuggestedStep<'_>,
        secret: &hmac::Key,
    ) -> Option<Redirect> {
        let CurrentLogin { event, user } = login;
        let name = user.rest.get("name").and_then(|name| name.as_str());
        let question = Question {
            current: user.user_id.clone(),
            email: event.user.email.clone(),
            name: name.map(|name| truncate(name, LONGEST_NAME).into_owned()),
            connection: event.connection.name.clone(),
            candidates: suggestion.candidates.iter().map(|id| Digest::of_text(id)).collect(),
            step: suggestion.step,
            second_factor: suggestion.second_factor,
            policy: Digest::of_policy(suggestion.policy),
            prompt: count_prompts(user),
            browser: BrowserTraits::of_event(event),
            expires: self.now() + QUESTION_LIFE,
        };
        let put = |question: &Question| {
            let token = seal(secret, QUESTION, question, self.ambient.random())?;
            (token.len() <= LONGEST_TOKEN).then_some(token)
        };
        // Users can choose their names, and control characters take six bytes each.
        let token = put(&question).or_else(|| put(&Question { name: None, ..question }))?;
        Some(Redirect { url: join_path(&self.public_url, ASK).into(), token })
    }

    /// Checks an answer against the login and the policies in force.
    pub(super) fn check_answer(
        &self,
        answered: SealedAnswer,
        login: CurrentLogin<'_>,
        policies: &[LoadedPolicy],
    ) -> Result<StepAnswer, AnswerFault> {
        answered.check(login.event, login.user, self.now())?;
        let SealedAnswer { question, proof, .. } = answered;
        let asked = |policy: &&LoadedPolicy| Digest::of_policy(policy) == question.policy;
        let policy = policies.iter().find(asked).ok_or(AnswerFault::OtherPolicy)?;
        Ok(StepAnswer { step: question.step, proof, policy: Some(policy.name.to_string()) })
    }

    /// Returns the time, in seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.ambient.since_epoch().as_secs()
    }
}

/// Opens an answer that the Action has brought back.
pub(super) fn open_answer(sealed: Option<&str>, secrets: &Secrets) -> Result<SealedAnswer, AnswerFault> {
    let sealed = sealed.ok_or(AnswerFault::Missing)?;
    let (answered, _) = open(secrets.keys(), ANSWER, sealed).ok_or(AnswerFault::Altered)?;
    Ok(answered)
}

/// Shared by the requests of browsers and of the Action.
pub(super) type SharedConfirmations = Arc<Confirmations>;

/// The URL of a path of this service, below the public URL.
pub(super) fn join_path(public_url: &Url, path: &str) -> Url {
    let mut url = public_url.clone();
    url.set_path(&[public_url.path().trim_end_matches('/'), path].concat());
    url
}

fn parse_confirmation_url(text: &str) -> Result<Url, ConfirmationError> {
    let refuse = ConfirmationError::PublicUrl;
    let url = parse_public_url(text).map_err(refuse)?;
    if url.path().trim_end_matches('/').ends_with(ASK) || url.path().contains("/v1/confirm/") {
        return Err(refuse("it ends with the path of a page of this service; give the origin only"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::{ASK, join_path, parse_confirmation_url};

    #[test]
    fn browsers_reach_the_page_over_https() {
        for (url, page) in [
            ("https://hook.example.com", "https://hook.example.com/v1/confirm"),
            ("https://example.com:8443/ligature/", "https://example.com:8443/ligature/v1/confirm"),
            ("http://localhost:4490", "http://localhost:4490/v1/confirm"),
            ("http://[::1]:4490/", "http://[::1]:4490/v1/confirm"),
        ] {
            assert_eq!(join_path(&parse_confirmation_url(url).unwrap(), ASK).as_str(), page);
        }
        for (url, why) in [
            ("hook.example.com", "not a URL"),
            ("http://hook.example.com", "not https"),
            ("ftp://hook.example.com", "not https"),
            ("data:x", "no host"),
            ("https://hook.example.com?a=b", "more than"),
            ("https://ada:secret@hook.example.com", "more than"),
            ("https://hook.example.com/v1/confirm", "give the origin only"),
            ("https://hook.example.com/v1/confirm/callback", "give the origin only"),
        ] {
            let error = parse_confirmation_url(url).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
    }
}
