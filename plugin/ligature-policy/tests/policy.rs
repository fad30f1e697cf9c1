//! A policy in the host for tests.

use ligature_policy::testing::{self, Call, Failure, Fault, login, user};
use ligature_policy::{
    Answer, ApiError, Decision, Host, Invalid, Level, LinkRequest, LogLevel, LoginEvent, Outcome, Policy,
    Response, Settings, Step, User, Verification,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    step: String,
}

impl Settings for Wanted {
    fn schema() -> String {
        String::new()
    }

    fn check(&self) -> Result<(), Invalid> {
        if self.step.is_empty() { Err(Invalid::new("step", "a word")) } else { Ok(()) }
    }
}

/// Links, asks, denies or tells what it sees, as the settings want it.
struct Example;

impl Policy for Example {
    type Settings = Wanted;

    fn on_login(login: &LoginEvent, wanted: &Wanted, host: &mut impl Host) -> Result<Outcome, ApiError> {
        let own = login.user.user_id.as_str();
        host.log(LogLevel::Info, &wanted.step);
        match wanted.step.as_str() {
            "link" => {
                let found = host.find_by_email(login.verified_email().unwrap_or_default())?;
                let linked = Outcome::linked(&found[0].user_id, "LINKED", "Linked.").about(&[own]);
                let request = LinkRequest::new(&found[0].user_id, own).because(&linked.reasons);
                let app_metadata = Some(r#"{"linked": true, "old": null}"#.to_owned());
                host.link(&LinkRequest { app_metadata, ..request })?;
                Ok(linked)
            }
            "ask" => {
                let found = host.find_by_email(login.verified_email().unwrap_or_default())?;
                let asked = &[found[0].user_id.as_str()];
                Ok(Outcome::suggest(Step::Confirm, asked, "ASKED", "Asked.").level(Level::Finding))
            }
            "deny" => Ok(Outcome::deny("Not today.", "DENIED", "Denied.")),
            _ => {
                let told = format!("{} {} {}", host.raw_event(), host.raw_user(own)?, host.now());
                Ok(Outcome::proceed("TOLD", told))
            }
        }
    }
}

fn ada() -> LoginEvent {
    login(user("google-oauth2|2", "ada@example.com"))
}

fn host() -> testing::Host {
    let old = Some(r#"{"old": 1, "kept": 2}"#.to_owned());
    testing::Host::new().user(User { app_metadata: old, ..user("auth0|1", "ada@example.com") })
}

#[test]
fn a_link_makes_one_user_of_two() {
    let done = host().login::<Example>(&ada(), r#"{"step": "link"}"#).unwrap();
    assert_eq!(done.linked.as_deref(), Some("auth0|1"));
    assert_eq!(done.outcome.decision, Decision::Linked("auth0|1".to_owned()));
    assert_eq!(done.outcome.reasons[0].subject, ["google-oauth2|2"]);
    let [linked] = &done.users[..] else { panic!("{:?}", done.users) };
    let identities: Vec<&str> = linked.identities.iter().map(|it| it.provider.as_str()).collect();
    assert_eq!(identities, ["auth0", "google-oauth2"]);
    assert!(linked.identities.iter().all(|it| it.email.as_deref() == Some("ada@example.com")));
    assert_eq!(linked.app_metadata.as_deref(), Some(r#"{"kept":2,"linked":true}"#));
    assert_eq!(done.log, [(LogLevel::Info, "link".to_owned())]);
    assert!(done.refusals.is_empty());
}

#[test]
fn a_question_and_a_denial_link_nobody() {
    let asked = host().login::<Example>(&ada(), r#"{"step": "ask"}"#).unwrap();
    assert!(matches!(asked.outcome.decision, Decision::Suggest(_)));
    assert_eq!(asked.outcome.reasons[0].level, Level::Finding);
    let denied = host().login::<Example>(&ada(), r#"{"step": "deny"}"#).unwrap();
    assert_eq!(denied.outcome.decision, Decision::Deny("Not today.".to_owned()));
    assert_eq!((asked.users.len(), denied.users.len()), (2, 2));
}

#[test]
fn an_answer_that_the_policy_does_not_use_links_nothing() {
    let answer = Answer { step: Step::Confirm, response: Response::Declined };
    let done = host().after_answer::<Example>(&ada(), r#"{"step": "link"}"#, &answer).unwrap();
    assert_eq!(done.outcome.decision, Decision::Proceed);
    assert_eq!(done.outcome.reasons[0].code, "ANSWER_NOT_USED");
    assert_eq!(done.linked, None);
}

#[test]
fn the_raw_objects_and_the_time_are_told() {
    let told = |host: testing::Host| {
        host.login::<Example>(&ada(), r#"{"step": "tell"}"#).unwrap().outcome.reasons[0].detail.clone()
    };
    let plain = told(host());
    assert!(plain.contains(r#""connection":{"name":"google-oauth2""#), "{plain}");
    assert!(plain.contains(r#""user_id":"google-oauth2|2""#) && plain.ends_with(" 1767225600000"), "{plain}");
    let given = host().raw_event("E").raw_user("google-oauth2|2", "U").now(7);
    assert_eq!(told(given), "E U 7");
}

#[test]
fn a_failure_is_told_in_words() {
    let failed = |host: testing::Host, login: &LoginEvent, step: &str| {
        host.login::<Example>(login, step).unwrap_err().to_string()
    };
    assert_eq!(
        failed(host(), &ada(), "{\n \"stp\": \"link\" }"),
        "the settings, line 2, column 6: unknown field `stp`, expected `step`; did you mean `step`?"
    );
    assert_eq!(failed(host(), &ada(), r#"{"step": ""}"#), "the settings, line 1, column 2: `step`: a word");
    let unverified =
        LoginEvent { user: User { email_verified: Verification::Absent, ..ada().user }, ..ada() };
    assert_eq!(
        failed(host(), &unverified, r#"{"step": "link"}"#),
        "gave up: refused: this login has no verified address"
    );
    let limited = host().fault(Fault::answer(Call::FindByEmail, ApiError::RateLimited(Some(3))));
    assert_eq!(failed(limited, &ada(), r#"{"step": "link"}"#), "gave up: rate-limited: wait 3 s");
    let blocked = host().fault(Fault::changed(Call::Link, User { blocked: true, ..ada().user }));
    assert_eq!(failed(blocked, &ada(), r#"{"step": "link"}"#), "gave up: refused: the secondary is blocked");
}

#[test]
fn a_policy_whose_settings_are_wrong_is_not_asked() {
    let failed = host().login::<Example>(&ada(), "[]").unwrap_err();
    assert!(matches!(failed, Failure::Settings(_)), "{failed}");
}
