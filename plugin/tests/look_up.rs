//! The option `look_up`: which logins look the other accounts up, and which of them mark
//! the account as checked.

use ligature_link_policy::Policy;
use ligature_linking_marks::checked;
use link_users_by_email::bindings::{
    Answer, ApiError, Connection, Decision, Identity, LinkRequest, LoginEvent, Outcome, Proof, Response,
    Step, Timestamp, User, Verification,
};
use link_users_by_email::carry_out::{Host, on_continue, on_login};

const NOW: Timestamp = 1_795_255_200_000;
const DAY: Timestamp = 86_400_000;

/// A host that counts look-ups.
struct Counting {
    found: Result<Vec<User>, ApiError>,
    look_ups: u32,
}

impl Host for Counting {
    fn find_by_email(&mut self, _: &str) -> Result<Vec<User>, ApiError> {
        self.look_ups += 1;
        self.found.clone()
    }

    fn ignores_case(&mut self) -> bool {
        true
    }

    fn link(&mut self, _: &LinkRequest) -> Result<(), ApiError> {
        Ok(())
    }

    fn now(&mut self) -> Timestamp {
        NOW
    }
}

fn user(user_id: &str) -> User {
    let (provider, id) = user_id.split_once('|').expect("an id");
    User {
        user_id: user_id.to_owned(),
        email: Some("ada@example.com".to_owned()),
        email_verified: Verification::Verified,
        created_at: Some(1),
        last_login: Some(1),
        logins_count: Some(1),
        blocked: false,
        identities: vec![Identity {
            provider: provider.to_owned(),
            user_id: id.to_owned(),
            connection: provider.to_owned(),
            is_social: true,
            email: None,
            email_verified: Verification::Absent,
        }],
        roles: Vec::new(),
        organizations: Vec::new(),
        mfa_factors: Vec::new(),
        user_metadata: None,
        app_metadata: None,
    }
}

fn event(user: User, look_up: &str, more: &str) -> LoginEvent {
    LoginEvent {
        user,
        connection: Connection { name: "google-oauth2".to_owned(), strategy: "google-oauth2".to_owned() },
        client_id: None,
        organization_id: None,
        protocol: None,
        prompt: Vec::new(),
        methods: Vec::new(),
        settings: format!(
            r#"{{"mode": "auto", "trusted_connections": ["google-oauth2"], "look_up": "{look_up}"{more}}}"#
        ),
        trace: false,
    }
}

fn decide(event: &LoginEvent, found: Result<Vec<User>, ApiError>) -> (u32, Outcome) {
    let mut host = Counting { found, look_ups: 0 };
    let policy = Policy::read_and_check(&event.settings).expect("a policy");
    let outcome = on_login(event, &policy, &mut host);
    (host.look_ups, outcome)
}

/// The number of look-ups, and the codes of the reasons.
fn run(event: &LoginEvent, found: Vec<User>) -> (u32, String) {
    let (look_ups, outcome) = decide(event, Ok(found));
    (look_ups, outcome.reasons.iter().map(|it| it.code.as_str()).collect::<Vec<_>>().join(" "))
}

fn google() -> User {
    user("google-oauth2|1")
}

/// An account with the mark that the host writes at a login with this event.
fn marked(event: &LoginEvent, at: Timestamp) -> User {
    let it = &event.user;
    let identities = it.identities.iter().map(|it| (it.provider.as_str(), it.user_id.as_str()));
    let email = it.email.as_deref().expect("an address");
    let mark = checked::fingerprint(&event.settings, &it.user_id, email, identities);
    let linking = format!(r#"{{"linking": {{"checked": {{"at": {at}, "for": "{mark}"}}}}}}"#);
    User { app_metadata: Some(linking), ..it.clone() }
}

#[test]
fn first_login_looks_up_at_the_first_login_only() {
    let at = |count| event(User { logins_count: count, ..google() }, "first_login", "");
    for count in [None, Some(0), Some(1)] {
        assert_eq!(run(&at(count), Vec::new()), (1, "NO_CANDIDATE".to_owned()), "{count:?}");
    }
    for count in [Some(2), Some(3), Some(u64::MAX)] {
        assert_eq!(run(&at(count), Vec::new()), (0, "NOT_FIRST_LOGIN".to_owned()), "{count:?}");
    }
}

#[test]
fn first_login_looks_up_for_ever_after_an_unlink() {
    let metadata = r#"{"linking": {"unlinked": [{"from": "sms|7", "at": 5}]}}"#.to_owned();
    let user = User { logins_count: Some(9), app_metadata: Some(metadata), ..google() };
    assert_eq!(run(&event(user, "first_login", ""), Vec::new()).0, 1);
    let none = r#"{"linking": {"unlinked": []}}"#.to_owned();
    let user = User { logins_count: Some(9), app_metadata: Some(none), ..google() };
    assert_eq!(run(&event(user, "first_login", ""), Vec::new()).0, 0);
}

#[test]
fn until_checked_marks_an_account_for_which_no_other_was_found() {
    let first = event(google(), "until_checked", "");
    assert_eq!(run(&first, Vec::new()), (1, "NO_CANDIDATE MARKED_AS_CHECKED".to_owned()));
    let later = LoginEvent { user: marked(&first, NOW), ..first };
    assert_eq!(run(&later, vec![user("auth0|2")]), (0, "CHECKED_BEFORE".to_owned()));
}

#[test]
fn an_account_with_a_second_one_or_a_failed_look_up_is_not_marked() {
    let first = event(google(), "until_checked", "");
    let unverified = User { email_verified: Verification::Unverified, ..user("auth0|2") };
    let gone = User { app_metadata: Some(r#"{"no_link": true}"#.to_owned()), ..user("auth0|2") };
    for found in [unverified, gone, User { blocked: true, ..user("auth0|2") }, user("auth0|2")] {
        let (look_ups, codes) = run(&first, vec![found]);
        assert!(look_ups == 1 && !codes.contains("MARKED"), "{codes}");
    }
    for error in [ApiError::TimedOut, ApiError::TooMany(1), ApiError::AlreadyLinked(String::new())] {
        let (_, outcome) = decide(&first, Err(error));
        assert!(outcome.reasons.iter().all(|reason| reason.code != "MARKED_AS_CHECKED"));
    }
}

#[test]
fn only_until_checked_marks_and_never_while_it_observes() {
    for look_up in ["every_login", "first_login"] {
        assert_eq!(run(&event(google(), look_up, ""), Vec::new()).1, "NO_CANDIDATE");
    }
    let observing = event(google(), "until_checked", r#", "mode": "observe""#);
    let observing =
        LoginEvent { settings: observing.settings.replacen(r#""mode": "auto", "#, "", 1), ..observing };
    assert_eq!(run(&observing, Vec::new()), (1, "NO_CANDIDATE".to_owned()));
}

#[test]
fn a_mark_counts_for_its_days() {
    let first = event(google(), "until_checked", r#", "look_up_again_after_days": 7"#);
    for (at, look_ups) in [(NOW, 0), (NOW - 7 * DAY + 1, 0), (NOW - 7 * DAY, 1), (NOW + 1, 1), (0, 1)] {
        let later = LoginEvent { user: marked(&first, at), ..first.clone() };
        assert_eq!(run(&later, Vec::new()).0, look_ups, "{at}");
    }
}

#[test]
fn a_mark_counts_only_for_the_policy_and_the_account_that_it_was_made_for() {
    let first = event(google(), "until_checked", "");
    let marked = marked(&first, NOW);
    let unchanged = LoginEvent { user: marked.clone(), ..first.clone() };
    assert_eq!(run(&unchanged, Vec::new()).0, 0);
    let linked = [google().identities, user("sms|7").identities].concat();
    let changes = [
        LoginEvent { settings: first.settings.replace("google-oauth2", "github"), ..unchanged.clone() },
        LoginEvent {
            user: User { email: Some("eve@example.com".to_owned()), ..marked.clone() },
            ..first.clone()
        },
        LoginEvent { user: User { identities: linked, ..marked.clone() }, ..first.clone() },
        LoginEvent { user: User { user_id: "google-oauth2|9".to_owned(), ..marked }, ..first },
    ];
    for changed in changes {
        assert_eq!(run(&changed, Vec::new()).0, 1, "{changed:?}");
    }
}

#[test]
fn a_mark_lets_no_login_past_the_rules_before_it() {
    let first = event(google(), "until_checked", "");
    let unverified = User { email_verified: Verification::Unverified, ..marked(&first, NOW) };
    let later = LoginEvent { user: unverified, ..first };
    assert_eq!(run(&later, Vec::new()), (0, "EMAIL_UNVERIFIED_CURRENT".to_owned()));
}

#[test]
fn an_unreadable_mark_opts_the_account_out() {
    for mark in [r#""yesterday""#, "7", r#"{"at": "now", "for": "f"}"#, r#"{"at": 1}"#, "[1, \"f\"]"] {
        let metadata = format!(r#"{{"linking": {{"checked": {mark}}}}}"#);
        let user = User { app_metadata: Some(metadata), ..google() };
        assert_eq!(run(&event(user, "until_checked", ""), Vec::new()), (0, "OPTED_OUT".to_owned()), "{mark}");
    }
}

/// Between the question and its answer, the login may have been counted.
#[test]
fn a_login_that_continues_after_a_question_looks_up() {
    let proof = Proof {
        current: "google-oauth2|1".to_owned(),
        candidate: "auth0|2".to_owned(),
        proved_at: NOW,
        methods: Vec::new(),
    };
    let answer = Answer { step: Step::ReauthenticateCandidate, response: Response::Confirmed(proof) };
    let counted = event(User { logins_count: Some(2), ..google() }, "first_login", "");
    let until = event(google(), "until_checked", "");
    let until = LoginEvent { user: marked(&until, NOW), ..until };
    for event in [counted, until] {
        let mut host = Counting { found: Ok(vec![user("auth0|2")]), look_ups: 0 };
        let policy = Policy::read_and_check(&event.settings).expect("a policy");
        let outcome = on_continue(&event, &answer, &policy, &mut host);
        assert_eq!((host.look_ups, outcome.reasons[0].code.as_str()), (1, "LINKED_BY_PROOF"));
    }
}

/// A user who brings a proof that does not count has declined as one without any.
#[test]
fn a_required_link_is_not_avoided_by_a_proof_that_does_not_count() {
    let right = Proof {
        current: "google-oauth2|1".to_owned(),
        candidate: "auth0|2".to_owned(),
        proved_at: NOW,
        methods: Vec::new(),
    };
    let stale = Proof { proved_at: NOW - DAY, ..right.clone() };
    let foreign = Proof { current: "google-oauth2|9".to_owned(), ..right.clone() };
    let unverified = User { email_verified: Verification::Unverified, ..user("auth0|2") };
    let others = vec![user("auth0|3"), user("auth0|4"), unverified];
    let asked = User { app_metadata: Some(r#"{"linking": {"prompts": 1}}"#.to_owned()), ..google() };
    let mut event = event(asked, "every_login", "");
    for (proof, found, code) in [
        (stale, vec![user("auth0|2")], "PROOF_STALE"),
        (foreign, vec![user("auth0|2")], "PROOF_FOREIGN"),
        (right.clone(), vec![user("auth0|3")], "PROOF_FOREIGN"),
        (right, others, "PROOF_STALE"),
    ] {
        for (grace, decision) in [(0, "deny"), (1, "proceed")] {
            let rest = format!(r#""mode": "required", "prompts": {{"grace": {grace}}}"#);
            event.settings = format!(r#"{{"trusted_connections": ["google-oauth2", "auth0"], {rest}}}"#);
            let policy = Policy::read_and_check(&event.settings).expect("a policy");
            let answer =
                Answer { step: Step::ReauthenticateCandidate, response: Response::Confirmed(proof.clone()) };
            let mut host = Counting { found: Ok(found.clone()), look_ups: 0 };
            let outcome = on_continue(&event, &answer, &policy, &mut host);
            let decided = match outcome.decision {
                Decision::Deny(_) => "deny",
                Decision::Proceed => "proceed",
                other => panic!("{other:?}"),
            };
            assert_eq!((decided, outcome.reasons[0].code.as_str()), (decision, code), "grace {grace}");
        }
    }
}
