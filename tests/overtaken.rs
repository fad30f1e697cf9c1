//! Logins whose accounts are changed while they are decided: how often such a login
//! is decided again, and as which user it continues.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ligature_host::decide::{FinalUser, Round, SettledDecision, decide_until_settled};
use ligature_host::directory::{CheckedLink, Directory, MetadataUpdate, Stored};
use ligature_host::harness::Case;
use ligature_host::model::{ApiError, Decision, IdentityKey, LoginEvent, Outcome, User};
use serde_json::{Value, json};

type Owner = Result<Option<Stored>, ApiError>;

/// A directory that answers who owns the login's identity, by this function of the
/// number of earlier questions.
struct Owners<F> {
    asked: AtomicUsize,
    answer: F,
    /// The only user that is found by its id.
    held: Result<Stored, ApiError>,
}

impl<F: Fn(usize) -> Owner + Send + Sync> Directory for Owners<F> {
    fn find_by_email(&self, _: &str, _: usize) -> Result<Vec<Stored>, ApiError> {
        unreachable!("only the owner is asked for")
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        let held = self.held.clone()?;
        if held.user.user_id == user_id { Ok(held) } else { Err(ApiError::NotFound(user_id.to_owned())) }
    }

    fn owner(&self, _: IdentityKey<'_>) -> Owner {
        (self.answer)(self.asked.fetch_add(1, Ordering::SeqCst))
    }

    fn link(&self, _: &CheckedLink) -> Result<Arc<User>, ApiError> {
        unreachable!("only the owner is asked for")
    }

    fn patch_metadata(&self, _: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        unreachable!("only the owner is asked for")
    }
}

/// A user with the identities of these ids, the first of which is its own.
fn user(ids: &[String]) -> Stored {
    let identity = |id: &String| {
        let (provider, user_id) = id.split_once('|').expect("an id");
        json!({ "provider": provider, "user_id": user_id, "connection": provider })
    };
    let identities: Vec<Value> = ids.iter().map(identity).collect();
    let user = json!({ "user_id": ids[0], "identities": identities });
    Stored { user: Arc::new(serde_json::from_value(user).expect("a user")), version: 1 }
}

fn not_found() -> ApiError {
    ApiError::NotFound("google|0".to_owned())
}

fn down() -> ApiError {
    ApiError::Unavailable("it is down".to_owned())
}

fn event() -> Arc<LoginEvent> {
    let case = json!({
        "title": "a login", "now": "2026-11-21T10:00:00Z", "users": [],
        "event": {
            "user": { "user_id": "google|0" }, "connection": { "name": "google", "strategy": "google" },
        },
    });
    let case = Case::parse(Path::new("login.json"), &case.to_string()).expect("a well-formed case");
    case.arrive().expect("it arrives").1.event
}

fn outcome(decision: Decision) -> Outcome {
    Outcome { decision, reasons: Vec::new(), trace: Vec::new(), counterfactual: None }
}

fn deny() -> Decision {
    Decision::Deny { message: "no".to_owned() }
}

/// Decides a login this way in every round, and returns what it settles at and the
/// user of each round. A login that never settles ends the test.
fn settle(
    decision: &Decision,
    lost: &[&str],
    answer: impl Fn(usize) -> Owner + Send + Sync,
) -> (SettledDecision<()>, Vec<String>) {
    settle_holding(Err(not_found()), decision, lost, answer)
}

/// Does the same with a directory that gives this user, or this error, for the login's account.
fn settle_holding(
    held: Result<Stored, ApiError>,
    decision: &Decision,
    lost: &[&str],
    answer: impl Fn(usize) -> Owner + Send + Sync,
) -> (SettledDecision<()>, Vec<String>) {
    let rounds = Mutex::new(Vec::new());
    let directory = Owners { asked: AtomicUsize::new(0), answer, held };
    let settled = decide_until_settled(&event(), &directory, |event, _| {
        let mut rounds = rounds.lock().expect("a round at a time");
        rounds.push(event.user.user_id.clone());
        assert!(rounds.len() < 20, "it never settles");
        let lost = lost.iter().map(|&id| id.to_owned()).collect();
        Round { outcome: outcome(decision.clone()), lost_accounts: lost, known_user: None, run: () }
    });
    (settled, rounds.into_inner().expect("a round at a time"))
}

/// A chain of users, each of whom has the identities of those before.
fn grown(n: usize) -> Owner {
    let ids: Vec<String> = (0..=n + 1).rev().map(|n| format!("google|{n}")).collect();
    Ok(Some(user(&ids)))
}

#[test]
fn a_login_whose_account_stays_is_decided_once() {
    let (settled, rounds) = settle(&Decision::Proceed, &[], |_| Ok(Some(user(&["google|0".to_owned()]))));
    assert_eq!(rounds, ["google|0"]);
    assert_eq!(settled.outcome.decision, Decision::Proceed);
    assert!(matches!(settled.final_user, FinalUser::User(user) if user.user_id == "google|0"));
}

#[test]
fn a_login_whose_accounts_are_linked_in_every_round_is_denied_after_five() {
    let (settled, rounds) = settle(&Decision::Proceed, &[], grown);
    assert_eq!(rounds, ["google|0", "google|1", "google|2", "google|3", "google|4"]);
    assert_eq!(settled.overtaken.len(), 4);
    let Decision::Deny { message } = &settled.outcome.decision else { panic!("{:?}", settled.outcome) };
    assert!(message.contains("could not be completed"), "{message}");
    assert_eq!(settled.outcome.reasons[0].code, "RACE_LOST");
    assert_eq!(settled.final_user, FinalUser::Denied);
}

/// The policy's own denial is the end, not that of the host.
#[test]
fn a_denial_about_accounts_that_change_in_every_round_stays_the_policys() {
    let unchanged = |_| Ok(Some(user(&["google|0".to_owned()])));
    let (settled, rounds) = settle(&deny(), &["auth0|1"], unchanged);
    assert_eq!(rounds.len(), 5, "{rounds:?}");
    assert_eq!(settled.outcome, outcome(deny()));
    assert_eq!(settled.final_user, FinalUser::Denied);
}

#[test]
fn a_denial_about_accounts_that_nobody_changed_is_not_asked_about_again() {
    let (settled, rounds) = settle(&deny(), &[], |_| unreachable!("nobody has to be asked"));
    assert_eq!(rounds.len(), 1);
    assert_eq!((settled.outcome, settled.final_user), (outcome(deny()), FinalUser::Denied));
}

#[test]
fn a_directory_that_does_not_tell_the_owner_ends_the_login() {
    let (settled, _) = settle(&Decision::Proceed, &[], |_| Err(down()));
    assert_eq!(settled.final_user, FinalUser::Unknown(down()));
    let (settled, rounds) = settle(&deny(), &["auth0|1"], |_| Err(down()));
    assert_eq!((settled.final_user, rounds.len()), (FinalUser::Denied, 1), "a denial needs no owner");
}

#[test]
fn a_directory_that_does_not_give_the_logins_account_ends_the_login() {
    let (settled, _) = settle_holding(Err(down()), &Decision::Proceed, &[], |_| Ok(None));
    assert_eq!(
        (settled.outcome, settled.final_user),
        (outcome(Decision::Proceed), FinalUser::Unknown(down()))
    );
    let (settled, rounds) = settle_holding(Err(down()), &deny(), &["auth0|1"], |_| Ok(None));
    assert_eq!(rounds.len(), 1, "a denial needs no account");
    assert_eq!((settled.outcome, settled.final_user), (outcome(deny()), FinalUser::Denied));
}

/// A tenant of Auth0 continues the login by itself: nothing is read.
#[test]
fn a_round_that_knows_its_user_is_the_last() {
    let decide = |decision: Decision| {
        let answer = |_| unreachable!("nobody has to be asked");
        let directory = Owners { asked: AtomicUsize::new(0), answer, held: Err(down()) };
        let known_user = Some(user(&["google|0".to_owned()]).user);
        let mut round = Some(Round {
            outcome: outcome(decision),
            lost_accounts: vec!["auth0|1".to_owned()],
            known_user,
            run: (),
        });
        decide_until_settled(&event(), &directory, |_, _| round.take().expect("one round"))
    };
    let settled = decide(Decision::Proceed);
    assert_eq!(settled.outcome, outcome(Decision::Proceed));
    assert!(matches!(settled.final_user, FinalUser::User(user) if user.user_id == "google|0"));
    let settled = decide(deny());
    assert_eq!((settled.outcome, settled.final_user), (outcome(deny()), FinalUser::Denied));
}

#[test]
fn a_login_whose_account_is_removed_is_denied() {
    let (settled, _) = settle(&Decision::Proceed, &[], |_| Ok(None));
    assert!(matches!(settled.outcome.decision, Decision::Deny { .. }), "{:?}", settled.outcome);
    assert_eq!(settled.final_user, FinalUser::Gone);
    // The time of the removal is not known, nor whether the user ever existed: this is no lost race.
    let reason = &settled.outcome.reasons[0];
    assert_eq!(
        (reason.code.as_str(), reason.subject.as_slice()),
        ("USER_NOT_FOUND", &["google|0".to_owned()][..])
    );
    assert!(reason.detail.starts_with("There is no user google|0 with the identity"), "{}", reason.detail);
}

/// A tenant of Auth0 finds a user by its root identity only, and the journal does not have a link
/// that somebody else has made.
#[test]
fn a_login_by_an_identity_without_a_known_owner_continues_as_its_user() {
    let event = || {
        let event = json!({
            "user": { "user_id": "auth0|1", "identities": [
                { "provider": "auth0", "user_id": "1", "connection": "db" },
                { "provider": "google", "user_id": "0", "connection": "google" },
            ] },
            "connection": { "name": "google", "strategy": "google" },
        });
        Arc::new(serde_json::from_value::<LoginEvent>(event).expect("an event"))
    };
    let decide = |ids: &[&str]| {
        let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
        let held = Ok(user(&ids));
        let directory = Owners { asked: AtomicUsize::new(0), answer: |_| Ok(None), held };
        let round = || Round {
            outcome: outcome(Decision::Proceed),
            lost_accounts: Vec::new(),
            known_user: None,
            run: (),
        };
        decide_until_settled(&event(), &directory, |_, _| round())
    };
    let settled = decide(&["auth0|1", "google|0"]);
    assert_eq!(settled.outcome.decision, Decision::Proceed);
    assert!(matches!(settled.final_user, FinalUser::User(user) if user.user_id == "auth0|1"));
    // The identity was unlinked, or the user deleted.
    for others in [["auth0|1", "sms|1"], ["auth0|2", "google|0"]] {
        assert_eq!(decide(&others).final_user, FinalUser::Gone, "{others:?}");
    }
}

/// The owner of the identity has neither the login's account nor the decision's.
#[test]
fn a_login_whose_identity_is_a_strangers_by_now_is_denied() {
    let (settled, _) = settle(&Decision::Proceed, &[], |_| Ok(Some(user(&["auth0|9".to_owned()]))));
    assert!(matches!(settled.outcome.decision, Decision::Deny { .. }), "{:?}", settled.outcome);
    assert_eq!(settled.final_user, FinalUser::Denied);
}

/// Another login links both accounts in the first round, and nothing after it.
#[test]
fn a_login_that_was_overtaken_once_is_linked() {
    let owner = |_| Ok(Some(user(&["auth0|1".to_owned(), "google|0".to_owned()])));
    let (settled, rounds) = settle(&Decision::Proceed, &[], owner);
    assert_eq!(rounds, ["google|0", "auth0|1"]);
    assert_eq!(settled.outcome.decision, Decision::Linked { primary: "auth0|1".to_owned() });
    assert_eq!(settled.outcome.reasons[0].code, "RACE_LOST");
    assert_eq!(settled.outcome.reasons[0].subject, ["auth0|1", "google|0"]);
    assert!(matches!(settled.final_user, FinalUser::User(user) if user.user_id == "auth0|1"));
}

/// An account that this login lost is the owner's by now.
#[test]
fn an_account_that_was_linked_into_the_logins_own_is_told() {
    let owner = |_| Ok(Some(user(&["google|0".to_owned(), "auth0|1".to_owned()])));
    let rounds = AtomicUsize::new(0);
    let directory = Owners { asked: AtomicUsize::new(0), answer: owner, held: Err(not_found()) };
    let settled = decide_until_settled(&event(), &directory, |_, is_first| {
        let lost =
            if rounds.fetch_add(1, Ordering::SeqCst) == 0 { vec!["auth0|1".to_owned()] } else { Vec::new() };
        assert_eq!(is_first, !lost.is_empty(), "an answer counts in the first round only");
        Round { outcome: outcome(Decision::Proceed), lost_accounts: lost, known_user: None, run: () }
    });
    assert_eq!(settled.outcome.decision, Decision::Linked { primary: "google|0".to_owned() });
    assert_eq!(settled.outcome.reasons[0].subject, ["google|0", "auth0|1"]);
}
