//! From a login to its outcome: asks the host, decides, does what was decided.

use std::mem::ManuallyDrop;

use link_policy::Policy;

use crate::bindings::{ApiError, Decision, LinkRequest, LoginEvent, Outcome, Reason, Timestamp, User};
use crate::decide::{self, Input, Plan};
use crate::reason::Code;

/// What the plugin asks of its host.
pub trait Host {
    /// Every user but the login's own with exactly this address.
    ///
    /// # Errors
    ///
    /// What the host answers instead.
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError>;

    /// Links two users.
    ///
    /// # Errors
    ///
    /// What the host answers instead; nothing was changed then.
    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError>;

    /// The login's time.
    fn now(&mut self) -> Timestamp;

    /// A line for the operator.
    fn log(&mut self, line: &str);
}

/// Decides one login and carries the decision out.
pub fn on_login(event: &LoginEvent, policy: &Policy, host: &mut impl Host) -> Outcome {
    if let Some(reason) = decide::before_look_up(event, policy) {
        return proceed(reason);
    }
    let email = event.user.email.as_deref().unwrap_or_default();
    let found = match look_up(email, host) {
        // Freed with the instance, all at once.
        Ok(found) => ManuallyDrop::new(found),
        Err(error) => return proceed(look_up_failed(&error)),
    };
    let now = host.now();
    host.log(&format!("{} other account(s) have this address", found.len()));
    match decide::decide(&Input { event, policy, found: &found, now }) {
        Plan::Proceed(reason) => proceed(reason),
        Plan::Link(request) => link(&request, host),
        Plan::WouldLink(request) => proceed(Code::WouldLink.about(
            &[&request.primary, &request.secondary],
            "In mode `auto` these two would have been linked, the first as primary.",
        )),
    }
}

/// Every user with the address as it stands or in lower case: the directory's
/// look-up is case-sensitive, and databases store lower case.
fn look_up(email: &str, host: &mut impl Host) -> Result<Vec<User>, ApiError> {
    let mut found = host.find_by_email(email)?;
    let lower = email.to_ascii_lowercase();
    if lower != email {
        for user in host.find_by_email(&lower)? {
            if found.iter().all(|known| known.user_id != user.user_id) {
                found.push(user);
            }
        }
    }
    Ok(found)
}

fn look_up_failed(error: &ApiError) -> Reason {
    match error {
        ApiError::RateLimited(_) => {
            Code::RateLimited.about(&[], "The directory asked for fewer calls; the login goes on unlinked.")
        }
        ApiError::TooMany(limit) => Code::TooManyCandidates.about(
            &[],
            format!("More than {limit} accounts have this address; nobody can tell which is meant."),
        ),
        other => Code::LookupFailed
            .about(&[], format!("The accounts with this address are not known: {}.", words(other))),
    }
}

fn link(request: &LinkRequest, host: &mut impl Host) -> Outcome {
    match host.link(request) {
        Ok(_) => Outcome {
            decision: Decision::Linked(request.primary.clone()),
            reasons: request.reasons.clone(),
            trace: Vec::new(),
            counterfactual: None,
        },
        Err(error) => {
            let subject = [request.primary.as_str(), request.secondary.as_str()];
            let code = match &error {
                ApiError::AlreadyLinked(_) | ApiError::NotFound(_) => Code::RaceLost,
                ApiError::StateChanged(_) => Code::StateChanged,
                ApiError::Refused(_) | ApiError::BudgetSpent(_) => Code::PlanRejected,
                ApiError::RateLimited(_) => Code::RateLimited,
                _ => Code::LinkFailed,
            };
            proceed(code.about(&subject, format!("The accounts were not linked: {}.", words(&error))))
        }
    }
}

fn proceed(reason: Reason) -> Outcome {
    Outcome { decision: Decision::Proceed, reasons: vec![reason], trace: Vec::new(), counterfactual: None }
}

/// What the host answered, in words that fit into a sentence.
fn words(error: &ApiError) -> String {
    match error {
        ApiError::Refused(why) => format!("the host refused, {why}"),
        ApiError::BudgetSpent(which) => format!("the login's budget is spent, {which}"),
        ApiError::NotFound(what) => format!("{what} is not there"),
        ApiError::AlreadyLinked(what) => format!("already linked, {what}"),
        ApiError::StateChanged(what) => format!("something changed meanwhile, {what}"),
        ApiError::RateLimited(Some(seconds)) => format!("the directory asks to wait {seconds} s"),
        ApiError::RateLimited(None) => "the directory asks to wait".to_owned(),
        ApiError::TimedOut => "the directory did not answer in time".to_owned(),
        ApiError::Unavailable(how) => format!("the directory is unavailable, {how}"),
        ApiError::TooMany(limit) => format!("more than {limit} accounts"),
        ApiError::Invalid(what) => format!("the request makes no sense, {what}"),
        ApiError::Other(what) => what.clone(),
    }
}
