//! Makes the calls that its settings name, one after the other, and reports each result
//! as a reason. The results in the real host, behind the guard, and in
//! `ligature_policy::testing` have to be the same.

use ligature_policy::{
    ApiError, Decision, Host, Invalid, Level, LinkRequest, LogLevel, LoginEvent, Outcome, Policy, Reason,
    Settings, Step, Suggestion, User, schema_of,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The policy.
#[derive(Debug)]
pub struct Probe;

ligature_policy::export!(Probe);

/// The calls to make, and the answer to give.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeSettings {
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// The decision to answer with.
    pub decision: Answer,
    /// The users that the first reason names.
    pub about: Vec<String>,
    /// Whether the probe stops at the first call that fails.
    pub gives_up: bool,
}

/// A call of the host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `find_by_email` with this address.
    Find(String),
    /// `get` with this id.
    Get(String),
    /// `raw_user` with this id, of which only the success is told.
    Raw(String),
    /// `link` of a primary and a secondary.
    Link(String, String),
    /// `link` that writes this `user_metadata` and this `app_metadata`.
    LinkWriting(String, String, [String; 2]),
    /// `link` with a reason of this code about this user.
    LinkBecause(String, String, [String; 2]),
    /// `ignores_case`.
    IgnoresCase,
    /// `now`.
    Now,
    /// `log` with this line.
    Log(String),
    /// Tells the text of the settings in the event. It is not a call of the host.
    Settings,
    /// Prints this line to standard output so many times, and to standard error once. Components only.
    Print(String, usize),
    /// Panics with this message. Components only.
    Panic(String),
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The login continues.
    #[default]
    Proceed,
    /// The accounts were linked into this one.
    Linked(String),
    /// The user is asked about these.
    Suggest(Vec<String>),
    /// The login ends with this message.
    Deny(String),
    /// An outcome without a reason.
    WithoutReason,
    /// A reason with this code.
    WithCode(String),
}

impl Settings for ProbeSettings {
    fn schema() -> String {
        schema_of::<Self>()
    }

    fn check(&self) -> Result<(), Invalid> {
        if self.calls.len() > 90 {
            return Err(Invalid::new("calls", "at most 90"));
        }
        Ok(())
    }
}

impl Policy for Probe {
    type Settings = ProbeSettings;

    fn on_login(
        login: &LoginEvent,
        settings: &ProbeSettings,
        host: &mut impl Host,
    ) -> Result<Outcome, ApiError> {
        let mut reasons = vec![reason("PROBED", "The calls were made.".to_owned())];
        reasons[0].subject.clone_from(&settings.about);
        for call in &settings.calls {
            match make_call(call, login, host) {
                Ok(told) => reasons.push(reason("ANSWERED", told)),
                Err(error) if settings.gives_up => return Err(error),
                Err(error) => reasons.push(reason("NOT_ANSWERED", format!("{error:?}"))),
            }
        }
        Ok(outcome(&settings.decision, reasons))
    }
}

fn make_call(call: &Call, login: &LoginEvent, host: &mut impl Host) -> Result<String, ApiError> {
    Ok(match call {
        Call::Find(email) => {
            let found: Vec<User> = host.find_by_email(email)?;
            let ids: Vec<&str> = found.iter().map(|user| user.user_id.as_str()).collect();
            format!("found {}: {}", ids.len(), ids[..ids.len().min(10)].join(", "))
        }
        Call::Get(id) => host.get(id)?.user_id,
        Call::Raw(id) => host.raw_user(id).map(|_| "its JSON".to_owned())?,
        Call::Link(primary, secondary) => {
            host.link(&LinkRequest::new(primary, secondary)).map(|()| "linked".to_owned())?
        }
        Call::LinkWriting(primary, secondary, [user_metadata, app_metadata]) => {
            let (user_metadata, app_metadata) = (Some(user_metadata.clone()), Some(app_metadata.clone()));
            let request = LinkRequest::new(primary, secondary);
            host.link(&LinkRequest { user_metadata, app_metadata, ..request })?;
            "linked".to_owned()
        }
        Call::LinkBecause(primary, secondary, [code, about]) => {
            let because = Reason { subject: vec![about.clone()], ..reason(code, "Linked.".to_owned()) };
            host.link(&LinkRequest::new(primary, secondary).because(&[because]))?;
            "linked".to_owned()
        }
        Call::IgnoresCase => host.ignores_case().to_string(),
        Call::Now => host.now().to_string(),
        Call::Log(line) => {
            host.log(LogLevel::Info, line);
            "logged".to_owned()
        }
        Call::Settings => login.settings.clone(),
        Call::Print(line, times) => {
            (0..*times).for_each(|_| println!("{line}"));
            eprintln!("{line}");
            "printed".to_owned()
        }
        Call::Panic(message) => panic!("{message}"),
    })
}

fn outcome(decision: &Answer, mut reasons: Vec<Reason>) -> Outcome {
    let decision = match decision {
        Answer::Proceed => Decision::Proceed,
        Answer::Linked(primary) => Decision::Linked(primary.clone()),
        Answer::Suggest(candidates) => {
            Decision::Suggest(Suggestion { step: Step::Confirm, candidates: candidates.clone() })
        }
        Answer::Deny(message) => Decision::Deny(message.clone()),
        Answer::WithoutReason => {
            reasons.clear();
            Decision::Proceed
        }
        Answer::WithCode(code) => {
            reasons[0].code.clone_from(code);
            Decision::Proceed
        }
    };
    Outcome { decision, reasons, trace: Vec::new(), counterfactual: None }
}

fn reason(code: &str, detail: String) -> Reason {
    Reason { code: code.to_owned(), level: Level::Info, subject: Vec::new(), detail }
}
