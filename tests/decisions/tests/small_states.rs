//! Invariants 12 and 13 in every small state, under several policies. A failure
//! prints the smallest counterexample of each policy.

use std::cell::Cell;
use std::sync::Arc;

use ligature_decision_tests::policies::{OF_THREE, OF_TWO};
use ligature_decision_tests::small_states::{Account, Decide, NOW, Says, State, Verdict, accounts, i12, i13};
use ligature_decision_tests::{Login, log_in};
use ligature_host::ambient::Ambient;
use ligature_host::directory::Memory;
use ligature_host::model::{LoginEvent, Timestamp};
use ligature_link_policy::Policy;

/// Returns every state of two accounts whose numbers of identities are in `first` and in `second`.
fn of_two(first: &[usize], second: &[usize]) -> Vec<State> {
    let all = |counts: &[usize]| counts.iter().flat_map(|count| accounts(*count)).collect::<Vec<Account>>();
    let second = all(second);
    let with_each = |one: Account| second.iter().map(move |other| State(vec![one.clone(), other.clone()]));
    all(first).into_iter().flat_map(with_each).collect()
}

/// Returns every state of three verified accounts, one with two identities, and the index of that
/// account.
fn of_three() -> Vec<(State, usize)> {
    let is_verified = |account: &Account| account[0].says == Says::Verified;
    let (singles, doubles) = (accounts(1).into_iter(), accounts(2).into_iter());
    let singles: Vec<Account> = singles.filter(is_verified).collect();
    let doubles: Vec<Account> = doubles.filter(is_verified).collect();
    let mut states = Vec::new();
    for (double, place) in doubles.iter().flat_map(|double| [0, 1, 2].map(|place| (double, place))) {
        for (one, other) in singles.iter().flat_map(|one| singles.iter().map(move |other| (one, other))) {
            let mut accounts = vec![one.clone(), other.clone()];
            accounts.insert(place, double.clone());
            states.push((State(accounts), place));
        }
    }
    states
}

/// A property of a state, decided by one policy.
type Holds<'a, S> = &'a dyn Fn(&S, &dyn Fn(&State, &LoginEvent) -> Verdict) -> Result<(), String>;

/// Checks every state under every policy.
fn check<S>(policies: &[&str], states: &[S], holds: Holds<S>) {
    let links = Cell::new(0);
    let smallest = |text: &&str| {
        let policy = Policy::read_and_check(text).expect("a policy");
        let decide = |state: &State, event: &LoginEvent| {
            let verdict = decided(state, event, &policy);
            links.set(links.get() + usize::from(verdict.is_link()));
            verdict
        };
        let first = states.iter().find_map(|state| holds(state, &decide).err());
        first.map(|first| format!("{text}\n{first}"))
    };
    let counterexamples: Vec<String> = policies.iter().filter_map(smallest).collect();
    let (failed, tried) = (counterexamples.len(), policies.len());
    assert!(
        failed == 0,
        "it does not hold under {failed} of {tried} policies:\n\n{}",
        counterexamples.join("\n\n")
    );
    assert!(links.get() > 0, "no login links anything, so that nothing is shown");
}

fn decided(state: &State, event: &LoginEvent, policy: &Policy) -> Verdict {
    let memory = Arc::new(Memory::with_users(&Ambient::fixed(Timestamp::default()), state.users()));
    let now = Timestamp::from_millis(NOW).expect("a time");
    let outcome = log_in(&memory, Login { event, answer: None, policy, document: "", now })
        .expect("a login is decided");
    Verdict::of(&outcome, memory.users().iter().map(|user| user.user_id.clone()))
}

#[test]
fn i12_any_identity_of_an_account_decides_alike() {
    let mut states = of_two(&[2], &[1, 2]);
    states.extend(of_two(&[3], &[1]));
    states.sort_by_key(State::identities);
    check(&OF_TWO, &states, &|state, decide| i12(state, 0, &|event| decide(state, event)));
}

#[test]
fn i12_of_three_accounts() {
    check(&OF_THREE, &of_three(), &|(state, place), decide| {
        i12(state, *place, &|event| decide(state, event))
    });
}

#[test]
fn i13_whichever_of_two_accounts_logs_in() {
    let mut states = of_two(&[1, 2], &[1, 2]);
    states.sort_by_key(State::identities);
    check(&OF_TWO, &states, &|state, decide| i13(state, (0, 1), &|event| decide(state, event)));
}

/// The policies that link all candidates weigh the same accounts, whoever logs
/// in. `prefer_linked` does not: the one that it prefers is no candidate at its
/// own login.
#[test]
fn i13_whichever_of_three_accounts_logs_in() {
    let all_are_linked = &OF_THREE[..2];
    check(all_are_linked, &of_three(), &|(state, _), decide| {
        let decide: &Decide = &|event| decide(state, event);
        i13(state, (0, 1), decide).and_then(|()| i13(state, (1, 2), decide))
    });
}
