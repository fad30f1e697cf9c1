//! The decision: a pure and total function of the login, the candidates and the
//! policy.

use ligature_link_policy::{LookUp, Mode};

use crate::account::Account;
use crate::bindings::{LinkRequest, Reason, Step, Verdict};
use crate::metadata;
use crate::reason::{ReasonCode, truncate};
use crate::rules::{
    self, AFTER_LOOK_UP, BEFORE_LOOK_UP, EarlierRuling, RuleResult, Ruling, RulingKind, weigh_after,
    weigh_before,
};
use crate::situation::{LoginContext, Situation};

pub use crate::rules::RULES;
pub use crate::situation::{Input, Login};

/// A decision that is not carried out yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOutcome {
    /// The decision.
    pub decision: PlannedDecision,
    /// The reasons, the deciding one first. Never empty.
    pub reasons: Vec<Reason>,
    /// The result of each rule, if the event asked for the trace.
    pub trace: Vec<Verdict>,
}

/// A decision, with the links that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedDecision {
    /// The login continues unchanged.
    Proceed,
    /// The user is to be asked about these accounts.
    Ask(Step, Vec<String>),
    /// The login is to be denied, with this message.
    Deny(String),
    /// The links to make, in this order; at least one.
    Link(Vec<LinkRequest>),
}

/// The most reasons of one outcome; the contract allows 100.
const REASONS: usize = 50;

/// A login that the rules before the look-up have been weighed for.
pub struct BeforeLookUp<'a> {
    login: LoginContext<'a>,
    earlier: EarlierRuling,
    passed: usize,
    trace: Vec<Verdict>,
}

impl<'a> BeforeLookUp<'a> {
    /// Weighs the rules before the look-up.
    #[must_use]
    pub fn weigh(login: Login<'a>) -> Self {
        let event = login.event;
        let login = LoginContext::new(login);
        let (mut earlier, mut passed, mut trace): (EarlierRuling, _, _) =
            (None, BEFORE_LOOK_UP.len(), Vec::new());
        for place in 0..BEFORE_LOOK_UP.len() {
            let result = weigh_before(place, &login);
            let is_decided = earlier.is_some();
            if event.trace {
                trace.push(trace_line(place, &result, is_decided));
            }
            if let RuleResult::Decides(stop) = result
                && !is_decided
            {
                (earlier, passed) = (Some(stop), place);
            }
            if earlier.is_some() && !event.trace {
                break;
            }
        }
        Self { login, earlier, passed, trace }
    }

    /// Returns whether the other accounts have to be looked up: a look-up costs a call,
    /// and an unverified login may not make one.
    #[must_use]
    pub fn needs_look_up(&self) -> bool {
        self.earlier.is_none()
    }

    /// The number of rules that passed before one stopped the login.
    pub(crate) fn passed(&self) -> usize {
        self.passed
    }

    /// Decides with the result of the look-up, which is not regarded where none was
    /// needed. `input` is of the same login and policy.
    #[must_use]
    pub fn decide(self, input: &Input) -> PlannedOutcome {
        let Self { login, mut earlier, mut trace, .. } = self;
        let was_looked_up = earlier.is_none();
        let situation = Situation::new(login, input);
        let mut overruled: Vec<Reason> = Vec::new();
        let mut notes: Vec<Reason> = Vec::new();
        for (place, rule) in AFTER_LOOK_UP.iter().enumerate() {
            let is_decided = earlier.is_some();
            // Only an overruling rule can change a decision; the others are weighed for
            // the trace.
            if is_decided && !rule.overrules && !input.event.trace {
                continue;
            }
            // Without a look-up, only the rules that look at the decision alone are weighed.
            let result = if was_looked_up || rule.overrules {
                weigh_after(place, &situation, &earlier)
            } else {
                RuleResult::NotApplicable
            };
            if input.event.trace {
                trace.push(trace_line(trace.len(), &result, is_decided));
            }
            match result {
                RuleResult::Decides(stop) if !is_decided => earlier = Some(stop),
                RuleResult::Overrules(stop) => {
                    overruled.extend(earlier.replace(stop).map(|stop| stop.reason))
                }
                RuleResult::Notes(reasons) if !is_decided => notes.extend(reasons),
                _ => {}
            }
        }
        // The last rule decides if no other has.
        let Ruling { kind, reason } = earlier.unwrap_or_else(proceed_without_stop);
        let mut reasons = vec![reason];
        reasons.extend(overruled);
        reasons.extend(notes);
        if was_looked_up {
            reasons.extend(note_check(input));
        }
        // One for every account left out would be as many as the directory has.
        reasons.truncate(REASONS);
        let decision = match kind {
            RulingKind::Proceed => PlannedDecision::Proceed,
            RulingKind::Ask(step, candidates) => PlannedDecision::Ask(step, candidates),
            RulingKind::Deny(message) => PlannedDecision::Deny(message.to_owned()),
            RulingKind::Link => PlannedDecision::Link(plan_links(&situation, &mut reasons)),
        };
        PlannedOutcome { decision, reasons, trace }
    }
}

/// Decides. Total: every input gives a plan with a reason.
#[must_use]
pub fn decide(input: &Input) -> PlannedOutcome {
    BeforeLookUp::weigh(input.login()).decide(input)
}

/// Asks the host to mark the account as checked, if the policy wants it and the look-up
/// found no other account. A policy that observes changes no account.
fn note_check(input: &Input) -> Option<Reason> {
    let Input { event, policy, .. } = input;
    let is_wanted = policy.look_up == LookUp::UntilChecked && policy.mode != Mode::Observe;
    let found_none = input.found.is_empty() && input.failed.is_none();
    (is_wanted && found_none).then(|| {
        let detail = format!(
            "The account is marked as checked: the next {} days, it is looked up only if the policy, its address or \
             its identities change.",
            policy.look_up_again_after_days
        );
        ReasonCode::MarkedAsChecked.about(&[&event.user.user_id], detail)
    })
}

fn proceed_without_stop() -> Ruling {
    Ruling { kind: RulingKind::Proceed, reason: ReasonCode::NoCandidate.about(&[], "No rule has decided.") }
}

/// The line of the trace for the rule at this place, from 0.
fn trace_line(place: usize, result: &RuleResult, decided: bool) -> Verdict {
    let codes = |reasons: &[Reason]| reasons.iter().map(|it| it.code.as_str()).collect::<Vec<_>>().join(", ");
    let (word, evidence) = match result {
        RuleResult::NotApplicable => ("not applicable", String::new()),
        RuleResult::Passes(evidence) => ("passes", evidence.to_string()),
        RuleResult::Notes(reasons) => ("notes", codes(reasons)),
        RuleResult::Decides(stop) if decided => ("would decide", stop.reason.code.clone()),
        RuleResult::Decides(stop) => ("decides", stop.reason.code.clone()),
        RuleResult::Overrules(stop) => ("overrules", stop.reason.code.clone()),
    };
    Verdict {
        rule: format!("{} {}", place + 1, RULES[place]),
        verdict: word.to_owned(),
        evidence: truncate(evidence),
    }
}

/// The links that join the party, the login's own account in every one of them.
fn plan_links(situation: &Situation, reasons: &mut Vec<Reason>) -> Vec<LinkRequest> {
    let primary = situation.primary().0;
    // The login's account comes first in the party: after its link the login is
    // the primary.
    let secondaries = situation.party().filter(|account| account.id() != primary.id());
    let rules = &situation.policy.metadata;
    let mut taken = PrimaryMetadata::default();
    let mut links = Vec::new();
    let mut first = situation.merged.get().cloned();
    for secondary in secondaries {
        let [user, app] = match first.take() {
            Some(merged) => *merged,
            None => [
                metadata::merge(&taken.sides(primary, secondary, MetadataKind::User), &rules.user),
                metadata::merge(&taken.sides(primary, secondary, MetadataKind::App), &rules.app),
            ],
        };
        if app.drops {
            let detail = "Some keys of the secondary's app_metadata were not copied to the primary.";
            reasons.push(ReasonCode::MetadataDropped.about(&[secondary.id()], detail));
        }
        if situation.meant.len() > 1 {
            taken.note(primary, &user, &app);
        }
        links.push(LinkRequest {
            primary: primary.id().to_owned(),
            secondary: secondary.id().to_owned(),
            user_metadata: user.patch,
            app_metadata: app.patch,
            // The deciding one; the others are in the outcome.
            reasons: reasons[..1].to_vec(),
        });
    }
    links
}

/// The primary's metadata as the links before have left it.
#[derive(Default)]
struct PrimaryMetadata {
    user: Option<String>,
    app: Option<String>,
}

#[derive(Clone, Copy)]
enum MetadataKind {
    User,
    App,
}

impl PrimaryMetadata {
    fn sides<'a>(
        &'a self,
        primary: &Account<'a>,
        secondary: &Account<'a>,
        which: MetadataKind,
    ) -> metadata::Sides<'a> {
        let (sides, taken) = match which {
            MetadataKind::User => {
                (rules::sides(primary, secondary, |it| it.user_metadata.as_deref()), &self.user)
            }
            MetadataKind::App => {
                (rules::sides(primary, secondary, |it| it.app_metadata.as_deref()), &self.app)
            }
        };
        metadata::Sides { primary: taken.as_deref().or(sides.primary), ..sides }
    }

    fn note(&mut self, primary: &Account, user: &metadata::Merged, app: &metadata::Merged) {
        if let Some(patch) = &user.patch {
            self.user = Some(metadata::apply_patch(
                self.user.as_deref().or(primary.user.user_metadata.as_deref()),
                patch,
            ));
        }
        if let Some(patch) = &app.patch {
            self.app = Some(metadata::apply_patch(
                self.app.as_deref().or(primary.user.app_metadata.as_deref()),
                patch,
            ));
        }
    }
}
