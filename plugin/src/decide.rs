//! The decision: a pure and total function of the login, the candidates and the
//! policy.

use ligature_link_policy::{LookUp, Mode};

use crate::account::Account;
use crate::bindings::{LinkRequest, Reason, Step, Verdict};
use crate::metadata;
use crate::reason::ReasonCode;
use crate::rules::{self, BEFORE_LOOK_UP, Ruling, RulingKind, Weighing, weigh_after, weigh_before};
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
    weighing: Weighing,
}

impl<'a> BeforeLookUp<'a> {
    /// Weighs the rules before the look-up.
    #[must_use]
    pub fn weigh(login: Login<'a>) -> Self {
        let mut weighing = Weighing::new(login.event.trace);
        let login = LoginContext::new(login);
        weigh_before(&mut weighing, &login);
        Self { login, weighing }
    }

    /// Returns whether the other accounts have to be looked up: a look-up costs a call,
    /// and an unverified login may not make one.
    #[must_use]
    pub fn needs_look_up(&self) -> bool {
        self.weighing.earlier.is_none()
    }

    /// The number of rules that passed before one stopped the login.
    pub(crate) fn passed(&self) -> usize {
        let decided_by = self.weighing.decided_by;
        let place = decided_by.and_then(|name| BEFORE_LOOK_UP.iter().position(|rule| *rule == name));
        place.unwrap_or(BEFORE_LOOK_UP.len())
    }

    /// Decides with the result of the look-up, which is not regarded where none was
    /// needed. `input` is of the same login and policy.
    #[must_use]
    pub fn decide(self, input: &Input) -> PlannedOutcome {
        let Self { login, mut weighing } = self;
        weighing.lacks_look_up = weighing.earlier.is_some();
        let situation = Situation::new(login, input);
        weigh_after(&mut weighing, &situation);
        let Weighing { earlier, overruled, notes, trace, lacks_look_up, .. } = weighing;
        // The last rule decides if no other has.
        let Ruling { kind, reason } = earlier.unwrap_or_else(proceed_without_stop);
        let mut reasons = Vec::with_capacity(overruled.len() + notes.len() + 3);
        reasons.push(reason);
        reasons.extend(overruled);
        reasons.extend(notes);
        if !lacks_look_up {
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

/// The links that join the party, the login's own account in every one of them.
fn plan_links(situation: &Situation, reasons: &mut Vec<Reason>) -> Vec<LinkRequest> {
    let primary = situation.primary().0;
    let rules = &situation.policy.metadata;
    let mut taken = PrimaryMetadata::default();
    let mut links = Vec::with_capacity(situation.meant.len());
    let mut first = situation.merged.get().cloned();
    // The login's account comes first: after its link the login is the primary.
    for secondary in situation.secondaries() {
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
            // The deciding one is added when the link is made.
            reasons: Vec::new(),
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
