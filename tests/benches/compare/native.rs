//! The same policy without a sandbox, compiled for this machine.

use std::sync::Arc;

use ligature_decision_tests::plain::PlainDirectory;
use ligature_decision_tests::{decide_once, types};
use ligature_host::directory::Memory;
use ligature_host::model::{Decision, Outcome};

use crate::cases::Login;
use crate::times::Times;

/// Measures the policy behind the guard, over the host's directory: a login of the component without its
/// sandbox.
pub(crate) fn measure_guarded(login: &Login, seconds: f64) -> Times {
    let (pristine, case) = login.case().arrive().expect("the login arrives");
    let document = case.policy.settings().text().to_owned();
    let directory = || Arc::new(pristine.clone());
    // The directory is returned, so that the time does not include its end.
    let decide = |directory: Arc<Memory>| {
        let outcome = decide_once(&case.event, &document, directory.clone(), case.now);
        (outcome.expect("the login is decided"), directory)
    };
    check_outcome(login, &decide(directory()).0);
    Times::measure(seconds, directory, decide)
}

/// Measures the policy alone, over a table of users: nothing checks what it asks for.
pub(crate) fn measure_alone(login: &Login, seconds: f64) -> Times {
    let (directory, case) = login.case().arrive().expect("the login arrives");
    let event = types::event(&case.event, case.policy.settings().text());
    let (users, user_id) = (directory.users(), &event.user.user_id);
    let pristine = PlainDirectory::new(users.iter().map(|user| &**user), user_id, case.now);
    let decide = |mut directory: PlainDirectory| {
        let outcome = directory.decide(&event).expect("the policy is taken");
        (outcome, directory)
    };
    let (outcome, directory) = decide(pristine.clone());
    check_outcome(login, &types::outcome(outcome));
    let owner = login.linked.as_ref().unwrap_or(user_id);
    assert_eq!(directory.owner(user_id), Some(owner.as_str()), "{}", login.name);
    Times::measure(seconds, || pristine.clone(), decide)
}

/// Asserts that the login is linked with the right user, or with none.
fn check_outcome(login: &Login, outcome: &Outcome) {
    let linked = match &outcome.decision {
        Decision::Linked { primary } => Some(primary),
        _ => None,
    };
    assert_eq!(linked, login.linked.as_ref(), "{}: {outcome:?}", login.name);
}
