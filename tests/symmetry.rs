//! Invariants 12 and 13 through the real component: random small states, decided
//! in the sandbox behind the guard. `ligature-decision-tests` enumerates the smaller ones
//! natively.

use std::sync::Arc;

use ligature_decision_tests::policies::{OF_THREE, OF_TWO};
use ligature_decision_tests::small_states::{
    Account, NOW, State, Verdict, i12, i13, linked_members, primary_members,
};
use ligature_host::ambient::Ambient;
use ligature_host::decide::{OnFailure, decide_by_plugin};
use ligature_host::directory::{Memory, arrive};
use ligature_host::model::{LoginEvent, Timestamp};
use ligature_host::sandbox::{PluginInput, Settings};
use ligature_tests::POLICY;
use proptest::prelude::*;
use proptest::sample::select;

fn account() -> impl Strategy<Value = Account> {
    let linked = select(linked_members().collect::<Vec<_>>());
    (select(primary_members()), prop::collection::vec(linked, 0..3))
        .prop_map(|(primary, linked)| [&[primary], &linked[..]].concat())
}

fn state(accounts: usize) -> impl Strategy<Value = State> {
    prop::collection::vec(account(), accounts).prop_map(State)
}

fn decided(state: &State, event: &LoginEvent, policy: &str) -> Verdict {
    let memory = Arc::new(Memory::with_users(&Ambient::fixed(Timestamp::default()), state.users()));
    let now = Timestamp::from_millis(NOW).expect("a time");
    let event = Arc::new(arrive(&*memory, event.clone(), now).expect("the login arrives"));
    let settings = Settings::new(policy);
    let input = PluginInput { event: &event, settings: &settings, now, trace: false, answer: None };
    let decided = decide_by_plugin(&POLICY, &input, memory.clone(), OnFailure::Proceed);
    assert_eq!(decided.failure, None);
    Verdict::of(&decided.outcome, memory.users().iter().map(|user| user.user_id.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i12_any_identity_of_an_account_decides_alike(
        state in prop_oneof![state(2), state(3)], two in select(&OF_TWO[..]), three in select(&OF_THREE[..]),
    ) {
        let policy = if state.0.len() == 2 { two } else { three };
        for account in 0..state.0.len() {
            let held = i12(&state, account, &|event| decided(&state, event, policy));
            prop_assert!(held.is_ok(), "{policy}\n{}", held.unwrap_err());
        }
    }

    #[test]
    fn i13_whichever_of_two_accounts_logs_in(state in state(2), policy in select(&OF_TWO[..])) {
        let held = i13(&state, (0, 1), &|event| decided(&state, event, policy));
        prop_assert!(held.is_ok(), "{policy}\n{}", held.unwrap_err());
    }
}
