//! The real policy, run natively against the real directory and guard.
//!
//! A login goes the way that it goes in the tenant: [`directory::arrive`] finds
//! or makes the user, the guard stands before the directory, the policy decides
//! through it, and the guard checks the outcome. Only the sandbox is left out.
//! `ligature-tests` runs the same policy as a component.
//!
//! [`directory::arrive`]: ligature_host::directory::arrive

mod bridge;
pub mod plain;
pub mod policies;
pub mod small_states;
pub mod types;

use std::sync::Arc;

use ligature_host::decide::{Round, decide_until_settled};
use ligature_host::directory::{Administration, ArrivalError, Directory, Memory, PluginVersion, arrive};
use ligature_host::guard::{Guard, GuardedLogin};
use ligature_host::limits::Limits;
use ligature_host::model::{Decision, LinkRequest, LoginEvent, Outcome, Proof, StepAnswer, Timestamp};
use ligature_link_policy::Policy;
use link_users_by_email::carry_out::{on_continue, on_login};

pub use bridge::Bridge;

/// A login with the policy that decides it.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The event, as the identity's provider sends it.
    pub event: &'a LoginEvent,
    /// The answer to a question, if this is the login going on after it.
    pub answer: Option<&'a StepAnswer>,
    /// The policy.
    pub policy: &'a Policy,
    /// The document of the policy, which the fingerprint of a check depends on.
    pub document: &'a str,
    /// The login's time.
    pub now: Timestamp,
}

/// The reason why a login came to no decision.
#[derive(Debug)]
pub enum Failure {
    /// The login is denied.
    NotArrived(ArrivalError),
    /// The guard does not take the policy's outcome.
    InvalidAnswer(String),
}

/// Logs somebody in: the user is found or made, and the policy decides and does
/// what it has decided.
///
/// # Errors
///
/// When the login is nobody's, or the guard does not take the outcome.
pub fn log_in(directory: &Arc<Memory>, login: Login) -> Result<Outcome, Failure> {
    log_in_through(&**directory, directory.clone(), login).map(|decided| decided.outcome)
}

/// The result of a login, and the look-ups and links that were asked for.
#[derive(Debug)]
pub struct Decided {
    /// The outcome.
    pub outcome: Outcome,
    /// The number of calls.
    pub calls: usize,
    /// The links that were asked for.
    pub links: Vec<LinkRequest>,
}

/// Decides a login as [`log_in`] does, with a directory of its own for the guard, such as one that
/// fails.
///
/// # Errors
///
/// The same as those of [`log_in`].
pub fn log_in_through(
    arrived_in: &dyn Administration,
    guarded: Arc<dyn Directory>,
    login: Login,
) -> Result<Decided, Failure> {
    let Login { event, answer, policy, document, now } = login;
    let event = arrive(arrived_in, event.clone(), now).map_err(Failure::NotArrived)?;
    let (mut calls, mut links, mut invalid) = (0, Vec::new(), None);
    let settled = decide_until_settled(&Arc::new(event), &*guarded.clone(), |event, is_first| {
        let answer = answer.filter(|_| is_first);
        let asked = types::event(event, document);
        let proof = answer.and_then(|answer| answer.proof.clone());
        let guarded_login = new_login(event.clone(), proof, now);
        let mut bridge = Bridge {
            guard: Guard::new(guarded.clone(), guarded_login, &Limits::default()),
            now,
            calls: 0,
            links: Vec::new(),
        };
        let outcome = match answer {
            None => on_login(&asked, policy, &mut bridge),
            Some(answer) => on_continue(&asked, &types::answer(answer), policy, &mut bridge),
        };
        let outcome = types::outcome(outcome);
        invalid = bridge.guard.check_outcome(&outcome).err();
        if let (None, Decision::Suggest { .. }) = (&invalid, &outcome.decision) {
            // A prompt that is not counted is asked once more; the login goes on.
            let _ = bridge.guard.note_prompt();
        }
        calls += bridge.calls;
        links.append(&mut bridge.links);
        Round { outcome, lost_accounts: bridge.guard.lost_accounts().to_vec(), known_user: None, run: () }
    });
    if let Some(why) = invalid {
        return Err(Failure::InvalidAnswer(why));
    }
    let outcome = settled.outcome;
    Ok(Decided { outcome, calls, links })
}

/// Decides an arrived login once, as the sandbox does: the document is read, the policy decides through
/// the guard, and the guard checks the outcome.
///
/// # Errors
///
/// The fault of the document or of the outcome.
pub fn decide_once(
    event: &Arc<LoginEvent>,
    document: &str,
    directory: Arc<dyn Directory>,
    now: Timestamp,
) -> Result<Outcome, String> {
    let asked = types::event(event, document);
    let policy = Policy::read_and_check(document).map_err(|fault| fault.message)?;
    let guarded_login = new_login(event.clone(), None, now);
    let guard = Guard::new(directory, guarded_login, &Limits::default());
    let mut bridge = Bridge { guard, now, calls: 0, links: Vec::new() };
    let outcome = types::outcome(on_login(&asked, &policy, &mut bridge));
    bridge.guard.check_outcome(&outcome).map(|()| outcome)
}

/// Creates the login that a guard stands before.
fn new_login(event: Arc<LoginEvent>, proof: Option<Proof>, now: Timestamp) -> GuardedLogin {
    GuardedLogin {
        event,
        now,
        proof,
        plugin: Arc::new(PluginVersion { name: "native".to_owned(), sha256: String::new() }),
        policy_sha256: Arc::from(""),
    }
}
