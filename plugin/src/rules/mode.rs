//! Rules on what the mode makes of the decision.

use ligature_link_policy::Mode;

use super::ruling::{EarlierRuling, RuleResult, Ruling, RulingKind, ask, passes, passes_with, rule};
use crate::bindings::{Level, Step};
use crate::reason::ReasonCode;
use crate::situation::{Situation, is_silent};

/// Asks the user if the policy's mode requires it for every link, or if the user of one of the
/// accounts was asked recently: the question was not answered with a proof, and "Not now" must not
/// be followed by a link without a question, at whichever account the next login is.
pub(super) fn mode_asks(s: &Situation, _: &EarlierRuling) -> RuleResult {
    if s.meant.is_empty() {
        return RuleResult::NotApplicable;
    }
    let days = s.policy.prompts.ask_again_after_days;
    let reason = if matches!(s.policy.mode, Mode::Suggest | Mode::Required) {
        ReasonCode::Suggested
            .about(&s.meant_ids(), "The policy asks the user to log in to the other account too.")
    } else if let Some(asked) = s.party().find(|account| account.state.asked_within(days, s.input.now)) {
        ReasonCode::NotConfirmed
            .about(&[asked.id()], "This account's user was asked recently, and has proved no other account.")
    } else {
        return RuleResult::NotApplicable;
    };
    ask(s, Step::ReauthenticateCandidate, &s.meant_ids(), reason)
}

/// Protocols without a browser that could be sent somewhere. Source: Auth0
/// Actions, `api.redirect.canRedirect`.
const NOT_INTERACTIVE: [&str; 11] = [
    "oauth2-access-token",
    "oauth2-device-code",
    "oauth2-password",
    "oauth2-refresh-token",
    "oauth2-resource-owner",
    "oauth2-resource-owner-jwt-bearer",
    "oauth2-token-exchange",
    "oauth2-webauthn",
    "oidc-ciba",
    "oidc-ciba-web-link",
    "wstrust-usernamemixed",
];

/// Replaces a question by no link if the user cannot, or must not, be asked now.
pub(super) fn can_ask(s: &Situation, earlier: &EarlierRuling) -> RuleResult {
    let Some(Ruling { kind: RulingKind::Ask(..), reason }) = earlier else {
        return RuleResult::NotApplicable;
    };
    let subject: Vec<&str> = reason.subject.iter().map(String::as_str).collect();
    let unasked = |code: ReasonCode, detail: String| {
        RuleResult::Overrules(Ruling { kind: RulingKind::Proceed, reason: code.about(&subject, detail) })
    };
    let event = s.input.event;
    let protocol = event.protocol.as_deref().unwrap_or_default();
    if NOT_INTERACTIVE.iter().any(|it| it.eq_ignore_ascii_case(protocol)) || is_silent(event) {
        return unasked(
            ReasonCode::NonInteractive,
            "The user would be asked, but the login is not interactive.".to_owned(),
        );
    }
    if s.policy.mode == Mode::Required {
        return passes("a required link is requested at every login");
    }
    let (prompts, state) = (&s.policy.prompts, &s.current.state);
    if state.prompts() >= prompts.max {
        return unasked(
            ReasonCode::PromptsExhausted,
            format!("The user has been asked {} time(s).", state.prompts()),
        );
    }
    if state.asked_within(prompts.ask_again_after_days, s.input.now) {
        let detail = format!("The user was asked less than {} days ago.", prompts.ask_again_after_days);
        return unasked(ReasonCode::AskedRecently, detail);
    }
    passes_with(s, || format!("asked {} of {} time(s)", state.prompts(), prompts.max))
}

/// Reports that the user has not declined a required link.
pub(super) fn required(s: &Situation, _: &EarlierRuling) -> RuleResult {
    // A user who declines is answered in `carry_out::decide_declined`.
    if s.policy.mode == Mode::Required {
        passes("the user has not declined")
    } else {
        RuleResult::NotApplicable
    }
}

/// Replaces any decision by a report if the mode only observes.
pub(super) fn observes(s: &Situation, earlier: &EarlierRuling) -> RuleResult {
    if s.policy.mode != Mode::Observe {
        return RuleResult::NotApplicable;
    }
    let would = |code: ReasonCode, subject: &[&str], detail: &'static str| {
        RuleResult::Overrules(Ruling { kind: RulingKind::Proceed, reason: code.about(subject, detail) })
    };
    let Some(stop) = earlier else {
        return would(
            ReasonCode::WouldLink,
            &s.ids_primary_first(),
            "In mode `auto` these would have been linked, the first as primary.",
        );
    };
    let subject: Vec<&str> = stop.reason.subject.iter().map(String::as_str).collect();
    match &stop.kind {
        RulingKind::Ask(..) => {
            would(ReasonCode::WouldSuggest, &subject, "In mode `auto` the user would have been asked.")
        }
        RulingKind::Deny(_) => {
            would(ReasonCode::WouldDeny, &subject, "In mode `auto` the login would have been denied.")
        }
        _ if stop.reason.level == Level::Conflict => would(
            ReasonCode::WouldConflict,
            &subject,
            "In mode `auto` this conflict would have been reported.",
        ),
        _ => passes("`auto` would have done the same"),
    }
}

pub(super) fn link_or_proceed(s: &Situation, earlier: &EarlierRuling) -> RuleResult {
    if earlier.is_some() {
        return RuleResult::NotApplicable;
    }
    let party = s.ids_primary_first();
    let reason = if s.input.proof.is_some() {
        ReasonCode::LinkedByProof
            .about(&party, "The user has proved both accounts; the first one is the primary.")
    } else {
        ReasonCode::LinkedVerifiedBoth
            .about(&party, "Both accounts have verified the same address; the first one is the primary.")
    };
    rule(RulingKind::Link, reason)
}
