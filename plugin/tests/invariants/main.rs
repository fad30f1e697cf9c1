//! The invariants of every decision, for any accounts and any policy.
//!
//! `docs/security.md` lists them: `i3_…` tests invariant I3. I6 (an undo restores)
//! belongs to the directory.

mod generated;
mod interleavings;
mod world;

use std::collections::BTreeMap;

use generated::{any_party, any_policy, any_user};
use ligature_link_policy::{Mfa, Mode, OnMultiple, Policy, Primary, TrustedConnection, TrustedConnections};
use link_users_by_email::bindings::{AuthenticationMethod, Connection};
use link_users_by_email::bindings::{
    Decision, Identity, LinkRequest, LoginEvent, Outcome, Timestamp, User, Verification,
};
use link_users_by_email::carry_out::on_login;
use link_users_by_email::decide::{
    BeforeLookUp, Input, Login, PlannedDecision, PlannedOutcome, RULES, decide,
};
use proptest::prelude::*;
use world::World;

const NOW: Timestamp = 1_795_255_200_000;

fn identity(user_id: &str) -> Identity {
    let (provider, id) = user_id.split_once('|').unwrap_or((user_id, ""));
    Identity {
        provider: provider.to_owned(),
        user_id: id.to_owned(),
        connection: provider.to_owned(),
        is_social: provider != "auth0",
        email: None,
        email_verified: Verification::Absent,
    }
}

/// An account that every default lets through.
fn good(user_id: &str, created_at: Timestamp) -> User {
    User {
        user_id: user_id.to_owned(),
        email: Some("ada@example.com".to_owned()),
        email_verified: Verification::Verified,
        created_at: Some(created_at),
        last_login: Some(created_at),
        logins_count: Some(3),
        blocked: false,
        identities: vec![identity(user_id)],
        roles: Vec::new(),
        organizations: Vec::new(),
        mfa_factors: Vec::new(),
        user_metadata: None,
        app_metadata: None,
    }
}

fn event(user: &User) -> LoginEvent {
    let provider = user.user_id.split('|').next().unwrap_or_default().to_owned();
    LoginEvent {
        user: user.clone(),
        connection: Connection { name: provider.clone(), strategy: provider },
        client_id: None,
        organization_id: None,
        protocol: None,
        prompt: Vec::new(),
        methods: Vec::new(),
        settings: "{}".to_owned(),
        trace: false,
    }
}

fn auto() -> Policy {
    Policy {
        mode: Mode::Auto,
        trusted_connections: vec![TrustedConnection::Name("*".to_owned())].into(),
        connection_groups: BTreeMap::from([("all".to_owned(), vec!["*".to_owned()])]).into(),
        ..Policy::default()
    }
}

fn login<'a>(event: &'a LoginEvent, policy: &'a Policy) -> Login<'a> {
    Login { event, policy, proof: None, settings_hash: None, now: NOW }
}

fn plan(event: &LoginEvent, policy: &Policy, found: &[User]) -> PlannedOutcome {
    decide(&Input { event, policy, found, failed: None, proof: None, exact_look_up: false, now: NOW })
}

fn links(plan: &PlannedOutcome) -> &[LinkRequest] {
    match &plan.decision {
        PlannedDecision::Link(requests) => requests,
        _ => &[],
    }
}

/// Ranks a decision by its nearness to a link: 0 none, 1 a question, 2 a link.
fn nearness(plan: &PlannedOutcome) -> u8 {
    match plan.decision {
        PlannedDecision::Proceed | PlannedDecision::Deny(_) => 0,
        PlannedDecision::Ask(..) => 1,
        PlannedDecision::Link(_) => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn i1_the_primary_is_the_same_whichever_logs_in(users in any_party(), policy in any_policy()) {
        if users.len() < 2 || policy.primary == Primary::Existing {
            return Ok(());
        }
        let users = &users[..2];
        let one = plan(&event(&users[0]), &policy, &users[1..]);
        let other = plan(&event(&users[1]), &policy, &users[..1]);
        if let ([one], [other]) = (links(&one), links(&other)) {
            prop_assert_eq!(&one.primary, &other.primary);
        }
    }

    #[test]
    fn i2_the_order_of_the_answer_does_not_matter(users in any_party(), policy in any_policy(), turn in 0_usize..4) {
        let event = event(&users[0]);
        let found = &users[1..];
        let mut turned = found.to_vec();
        let turn = turn.min(turned.len());
        turned.rotate_left(turn);
        prop_assert_eq!(plan(&event, &policy, found), plan(&event, &policy, &turned));
        turned.reverse();
        prop_assert_eq!(plan(&event, &policy, found), plan(&event, &policy, &turned));
    }

    #[test]
    fn i3_less_verification_is_never_nearer_to_a_link(users in any_party(), policy in any_policy(), whose in 0_usize..4) {
        let before = plan(&event(&users[0]), &policy, &users[1..]);
        for less in [Verification::Unverified, Verification::Absent, Verification::Null] {
            let mut users = users.clone();
            let index = whose % users.len();
            // An account that is dropped out of several leaves one: that is
            // the removal of a candidate, not of evidence.
            if index > 0 && users.len() > 2 {
                continue;
            }
            users[index].email_verified = less;
            let after = plan(&event(&users[0]), &policy, &users[1..]);
            prop_assert!(links(&after).is_empty() || users[index].email_verified == Verification::Verified);
            prop_assert!(nearness(&after) <= nearness(&before).max(u8::from(index > 0 && before.decision == after.decision)));
        }
    }

    #[test]
    fn i3_less_verification_of_a_linked_identity_is_never_nearer_to_a_link(
        users in any_party(), policy in any_policy(), whose in 0_usize..4, which in 0_usize..3,
    ) {
        let before = plan(&event(&users[0]), &policy, &users[1..]);
        for less in [Verification::Unverified, Verification::Absent, Verification::Null] {
            let mut users = users.clone();
            let whose = whose % users.len();
            let linked = users[whose].identities.iter_mut().skip(1).nth(which);
            let Some(identity) = linked else { return Ok(()) };
            identity.email_verified = less;
            let after = plan(&event(&users[0]), &policy, &users[1..]);
            prop_assert!(nearness(&after) <= nearness(&before), "{before:?} {after:?}");
        }
    }

    #[test]
    fn i3_less_trust_is_never_nearer_to_a_link(users in any_party(), policy in any_policy()) {
        let event = event(&users[0]);
        let before = plan(&event, &policy, &users[1..]);
        let distrusting = Policy { trusted_connections: TrustedConnections::default(), ..policy };
        let after = plan(&event, &distrusting, &users[1..]);
        prop_assert!(links(&after).len() <= links(&before).len());
    }

    #[test]
    fn i3_one_candidate_more_never_links_another(users in any_party(), policy in any_policy(), more in any_user()) {
        if matches!(policy.on_multiple, OnMultiple::PreferLinked | OnMultiple::LinkAll) {
            return Ok(());
        }
        let event = event(&users[0]);
        let before = plan(&event, &policy, &users[1..]);
        if !links(&before).is_empty() || users.iter().any(|user| user.user_id == more.user_id) {
            return Ok(());
        }
        let mut found = users[1..].to_vec();
        found.push(more.clone());
        for link in links(&plan(&event, &policy, &found)) {
            prop_assert!(link.primary == more.user_id || link.secondary == more.user_id);
        }
    }

    #[test]
    fn i4_and_5_a_link_is_made_once_and_loses_nothing(users in any_party(), policy in any_policy()) {
        let before: usize = users.iter().map(|user| user.identities.len()).sum();
        let mut world = World { users: users.clone() };
        let outcome = on_login(&event(&users[0]), &policy, &mut world);
        prop_assert_eq!(world.users.iter().map(|user| user.identities.len()).sum::<usize>(), before);
        if let Decision::Linked(primary) = &outcome.decision {
            let now = world.users.iter().find(|user| user.user_id == *primary).cloned();
            let now = now.expect("the primary is there");
            let again = on_login(&event(&now), &policy, &mut world);
            let is_linked = matches!(&again.decision, Decision::Linked(_));
            // The rest may be another pair, which takes a separate login.
            prop_assert!(!is_linked || world.users.len() < users.len() - 1, "{:?}", again);
        }
    }

    #[test]
    fn i7_no_user_is_named_that_was_not_given(users in any_party(), policy in any_policy()) {
        let plan = plan(&event(&users[0]), &policy, &users[1..]);
        let known = |id: &String| users.iter().any(|user| user.user_id == *id);
        prop_assert!(plan.reasons.iter().flat_map(|reason| &reason.subject).all(known));
        if let PlannedDecision::Ask(_, candidates) = &plan.decision {
            prop_assert!(candidates.iter().all(known));
        }
        for link in links(&plan) {
            prop_assert!(known(&link.primary) && known(&link.secondary) && link.primary != link.secondary);
            prop_assert!(link.primary == users[0].user_id || link.secondary == users[0].user_id
                || links(&plan)[0].primary == link.primary);
        }
    }

    #[test]
    fn i8_a_dry_run_never_lies(users in any_party(), policy in any_policy()) {
        let event = event(&users[0]);
        let auto = plan(&event, &Policy { mode: Mode::Auto, ..policy.clone() }, &users[1..]);
        let observed = plan(&event, &Policy { mode: Mode::Observe, ..policy }, &users[1..]);
        prop_assert_eq!(&observed.decision, &PlannedDecision::Proceed);
        let code = observed.reasons[0].code.as_str();
        let expected = match auto.decision {
            PlannedDecision::Link(_) => "WOULD_LINK",
            PlannedDecision::Ask(..) => "WOULD_SUGGEST",
            PlannedDecision::Deny(_) => "WOULD_DENY",
            PlannedDecision::Proceed if code == "WOULD_CONFLICT" => "WOULD_CONFLICT",
            PlannedDecision::Proceed => auto.reasons[0].code.as_str(),
        };
        prop_assert_eq!(code, expected);
    }

    #[test]
    fn i8_being_explained_changes_no_decision(users in any_party(), policy in any_policy()) {
        let plain = plan(&event(&users[0]), &policy, &users[1..]);
        let explained = LoginEvent { trace: true, ..event(&users[0]) };
        let explained = plan(&explained, &policy, &users[1..]);
        prop_assert_eq!(plain.decision, explained.decision);
        prop_assert_eq!(plain.reasons, explained.reasons);
        prop_assert_eq!(explained.trace.len(), RULES.len());
    }

    #[test]
    fn i8_the_trace_names_the_rule_that_decides(users in any_party(), policy in any_policy()) {
        let event = LoginEvent { trace: true, ..event(&users[0]) };
        let PlannedOutcome { reasons, trace, .. } = plan(&event, &policy, &users[1..]);
        let lines_of = |verdict: &str| -> Vec<usize> {
            (0..trace.len()).filter(|&line| trace[line].verdict == verdict).collect()
        };
        let (decides, would_decide) = (lines_of("decides"), lines_of("would decide"));
        prop_assert!(decides.len() <= 1, "{:?}", trace);
        let first = decides.first().or(lines_of("overrules").first()).copied().unwrap_or(trace.len());
        prop_assert!(would_decide.iter().all(|&line| line > first), "{:?}", trace);
        let deciding = lines_of("overrules").last().or(decides.last()).copied();
        prop_assert_eq!(deciding.map(|line| &trace[line].evidence), Some(&reasons[0].code));
    }

    #[test]
    fn accounts_found_without_need_change_nothing(users in any_party(), policy in any_policy(), trace: bool) {
        let event = LoginEvent { trace, ..event(&users[0]) };
        if !BeforeLookUp::weigh(login(&event, &policy)).needs_look_up() {
            prop_assert_eq!(plan(&event, &policy, &users[1..]), plan(&event, &policy, &[]));
        }
    }

    #[test]
    fn i9_every_input_has_a_plan_with_a_reason(
        users in any_party(), policy in any_policy(), email in ".{0,40}", metadata in ".{0,40}", trace: bool,
    ) {
        let mut users = users;
        users[0].email = Some(email.clone());
        users[0].app_metadata = Some(metadata);
        if let Some(other) = users.get_mut(1) {
            other.email = Some(email);
        }
        let event = LoginEvent { trace, ..event(&users[0]) };
        let plan = plan(&event, &policy, &users[1..]);
        prop_assert!(!plan.reasons.is_empty());
        prop_assert_eq!(plan.trace.len(), if trace { RULES.len() } else { 0 });
        prop_assert!(plan.reasons.iter().all(|reason| reason.detail.len() <= 1024));
    }

    #[test]
    fn i11_who_controls_only_unverified_or_untrusted_accounts_is_never_linked(
        attackers in prop::collection::vec((any_user(), any::<bool>()), 1..4),
    ) {
        let policy = Policy {
            mode: Mode::Auto,
            trusted_connections: vec![TrustedConnection::Name("google-oauth2".to_owned())].into(),
            ..Policy::default()
        };
        let victim = good("auth0|victim", 1_000);
        let mut users = vec![victim.clone()];
        for (place, (mut user, unverified)) in attackers.into_iter().enumerate() {
            if unverified {
                user.email_verified = Verification::Unverified;
            }
            // Untrusted: through a connection of the attacker's own.
            let id = if unverified { format!("auth0|{place}") } else { format!("oauth2|evil|{place}") };
            user.identities = vec![identity(&id)];
            user.user_id = id;
            users.push(user);
        }
        for current in 0..users.len() {
            let others: Vec<User> =
                users.iter().enumerate().filter(|(place, _)| *place != current).map(|(_, user)| user.clone()).collect();
            let plan = plan(&event(&users[current]), &policy, &others);
            prop_assert!(links(&plan).is_empty(), "{:?}", plan);
        }
    }

    #[test]
    fn i14_a_second_factor_of_the_login_opens_no_other_account_that_has_one(
        users in any_party(),
        policy in any_policy(),
    ) {
        if policy.mfa == Mfa::Ignore {
            return Ok(());
        }
        let mut event = event(&users[0]);
        event.methods = vec![AuthenticationMethod { name: "mfa".to_owned(), factor: None, at: Some(NOW) }];
        let plan = plan(&event, &policy, &users[1..]);
        for id in links(&plan).iter().flat_map(|link| [&link.primary, &link.secondary]) {
            let other = users[1..].iter().find(|user| user.user_id == *id);
            prop_assert!(other.is_none_or(|user| user.mfa_factors.is_empty()), "{:?}", plan);
        }
    }
}

/// All small states: every mix of verified and blocked accounts, and who is
/// trusted, with an attacker in every place that is not the victim's own.
#[test]
fn i11_exhaustively_in_small_states() {
    let policy = Policy {
        mode: Mode::Auto,
        trusted_connections: vec![TrustedConnection::Name("google-oauth2".to_owned())].into(),
        ..Policy::default()
    };
    let all = [Verification::Verified, Verification::Unverified, Verification::Absent, Verification::Null];
    let mut states = 0;
    for victim_verified in &all {
        for attacker_verified in &all {
            for attacker_id in ["auth0|evil", "oauth2|evil|1", "github|evil", "samlp|evil|1"] {
                for age in [1, 5_000] {
                    let victim = User {
                        email_verified: victim_verified.clone(),
                        ..good("google-oauth2|victim", 1_000)
                    };
                    let attacker =
                        User { email_verified: attacker_verified.clone(), ..good(attacker_id, age) };
                    // A verified account in the tenant's own database is one
                    // whose mailbox the attacker has proved: no attack.
                    if attacker_id == "auth0|evil" && *attacker_verified == Verification::Verified {
                        continue;
                    }
                    for (current, other) in [(&victim, &attacker), (&attacker, &victim)] {
                        states += 1;
                        let made = plan(&event(current), &policy, std::slice::from_ref(other));
                        assert!(links(&made).is_empty(), "{made:?}");
                    }
                }
            }
        }
    }
    assert_eq!(states, 4 * 4 * 4 * 2 * 2 - 4 * 2 * 2);
}

/// The properties above would hold of a plugin that never links.
#[test]
fn the_generated_logins_come_to_every_decision() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0; 4];
    for _ in 0..3_000 {
        let (users, policy) = (any_party(), any_policy())
            .new_tree(&mut runner)
            .map(|tree| proptest::strategy::ValueTree::current(&tree))
            .expect("a generated login");
        let decision = plan(&event(&users[0]), &policy, &users[1..]).decision;
        seen[match decision {
            PlannedDecision::Proceed => 0,
            PlannedDecision::Ask(..) => 1,
            PlannedDecision::Deny(_) => 2,
            PlannedDecision::Link(_) => 3,
        }] += 1;
    }
    assert!(seen.iter().all(|&count| count > 10), "{seen:?}");
}

#[test]
fn an_unverified_login_looks_nobody_up() {
    let user = User { email_verified: Verification::Unverified, ..good("google-oauth2|1", 1) };
    assert!(!BeforeLookUp::weigh(login(&event(&user), &auto())).needs_look_up());
    let outcome: Outcome = on_login(&event(&user), &auto(), &mut World { users: vec![good("auth0|1", 1)] });
    assert_eq!(outcome.decision, Decision::Proceed);
}
