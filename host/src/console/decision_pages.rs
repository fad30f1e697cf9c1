//! The decisions that were kept: their list, and one decision with its explanation.

use askama::Template;
use axum::http::StatusCode;

use super::chart::KINDS;
use super::decision_rows::{DecisionRow, describe_decision, name_level};
use super::frame::Frame;
use super::paths::{DECISIONS, path_of_entry, path_of_user, with_query};
use super::reason_meanings::{Meaning, find_meaning};
use super::visit::{ConsoleVisit, PageResult, RefusalPage};
use super::words::format_time;
use crate::directory::{
    DecisionId, DecisionQuery, EntryId, EntryKind, JournalQuery, KeptDecision, LeftOutPart,
};
use crate::model::{ApiError, Decision, RuleVerdict, Timestamp};
use crate::service::page::filters;

/// The number of decisions of a list.
const ON_PAGE: usize = 15;
/// The most reasons and verdicts on the page of a decision.
const MOST: usize = 60;

#[derive(Template)]
#[template(path = "console_decisions.html")]
struct DecisionsPage<'a> {
    frame: Frame,
    user_id: &'a str,
    kind: &'a str,
    kinds: [&'static str; 4],
    code: &'a str,
    since: &'a str,
    until: &'a str,
    rows: Vec<DecisionRow<'a>>,
    /// The address of the next page.
    older: Option<String>,
}

#[derive(Template)]
#[template(path = "console_decision.html")]
struct DecisionPage<'a> {
    frame: Frame,
    words: String,
    facts: Vec<(&'static str, String)>,
    user: String,
    user_id: &'a str,
    entry: Option<String>,
    reasons: Vec<ReasonRow<'a>>,
    trace: &'a [RuleVerdict],
    counterfactual: Option<&'a str>,
    left_out: Vec<&'static str>,
}

struct ReasonRow<'a> {
    code: &'a str,
    level: &'static str,
    detail: &'a str,
    users: Vec<(String, &'a str)>,
    meaning: Option<Meaning>,
}

/// `GET /console/decisions`: decisions, the newest first.
pub(super) fn list(visit: &ConsoleVisit) -> PageResult {
    let params = &visit.params;
    let unreadable = |name: &str| {
        let words = format!("`{name}` cannot be read. A day is written as 2026-11-27.");
        visit.refuse(StatusCode::BAD_REQUEST, &words)
    };
    let day = |name: &str, clock: &str| -> Result<Option<Timestamp>, RefusalPage> {
        let Some(day) = params.get(name) else { return Ok(None) };
        let time = format!("{day}{clock}").parse::<Timestamp>();
        time.map(Some).map_err(|_| unreadable(name))
    };
    let kind = params.get("kind");
    if kind.is_some_and(|kind| !KINDS.contains(&kind)) {
        return Err(visit.refuse(StatusCode::BAD_REQUEST, "There is no such kind of decision."));
    }
    let before = params.get("before").map(str::parse::<DecisionId>).transpose();
    let query = DecisionQuery {
        user_id: params.get("user").map(str::to_owned),
        kind: kind.map(str::to_owned),
        code: params.get("code").map(str::to_owned),
        since: day("since", "T00:00:00.000Z")?,
        until: day("until", "T23:59:59.999Z")?,
        before: before.map_err(|_| unreadable("before"))?,
        after: None,
        limit: ON_PAGE + 1,
    };
    let mut decisions =
        visit.directory().find_decisions(&query).map_err(|error| visit.refuse_unavailable(&error))?;
    if let Some(user_id) = &query.user_id {
        visit.audit("show the decisions of a user", user_id);
    }
    let has_older = decisions.len() > ON_PAGE;
    decisions.truncate(ON_PAGE);
    let last = decisions.last().filter(|_| has_older).map(|last| last.id.to_string());
    let older = last.map(|last| {
        let names = ["user", "kind", "code", "since", "until"];
        let mut parameters: Vec<(&str, Option<&str>)> =
            names.iter().map(|name| (*name, params.get(name))).collect();
        parameters.push(("before", Some(&last)));
        with_query(DECISIONS, &parameters)
    });
    let text = |name: &str| params.get(name).unwrap_or_default();
    let frame = visit.frame();
    let page = DecisionsPage {
        frame,
        user_id: text("user"),
        kind: text("kind"),
        kinds: KINDS,
        code: text("code"),
        since: text("since"),
        until: text("until"),
        rows: decisions.iter().map(DecisionRow::new).collect(),
        older,
    };
    Ok(visit.show(StatusCode::OK, page.render()))
}

/// `GET /console/decisions/{id}`: the explanation of a decision.
pub(super) fn show(visit: &ConsoleVisit) -> PageResult {
    let unknown = || {
        let words = "There is no such decision. Old ones are forgotten.";
        visit.refuse(StatusCode::NOT_FOUND, words)
    };
    let id: DecisionId = visit.id.parse().map_err(|_| unknown())?;
    let kept = match visit.directory().decision(&id) {
        Ok(kept) => kept,
        Err(ApiError::NotFound(_)) => return Err(unknown()),
        Err(error) => return Err(visit.refuse_unavailable(&error)),
    };
    visit.audit("show a decision", &kept.user_id);
    let frame = visit.frame();
    let page = DecisionPage {
        frame,
        words: describe_decision(&kept.decision),
        facts: list_facts(&kept),
        user: path_of_user(&kept.user_id),
        user_id: &kept.user_id,
        entry: find_link(visit, &kept)?.map(|id| path_of_entry(&id)),
        reasons: kept.reasons.iter().take(MOST).map(ReasonRow::new).collect(),
        trace: &kept.trace[..kept.trace.len().min(MOST)],
        counterfactual: kept.counterfactual.as_deref(),
        left_out: kept.left_out.iter().map(|part| name_part(*part)).collect(),
    };
    Ok(visit.show(StatusCode::OK, page.render()))
}

impl<'a> ReasonRow<'a> {
    fn new(reason: &'a crate::model::Reason) -> Self {
        Self {
            code: &reason.code,
            level: name_level(reason.level),
            detail: &reason.detail,
            users: reason.subject.iter().take(MOST).map(|id| (path_of_user(id), &**id)).collect(),
            meaning: find_meaning(&reason.code),
        }
    }
}

/// Finds the entry of the journal about the link that a decision made.
fn find_link(visit: &ConsoleVisit, kept: &KeptDecision) -> Result<Option<EntryId>, RefusalPage> {
    let Decision::Linked { primary } = &kept.decision else { return Ok(None) };
    // The entry is written shortly before or after the time of the login.
    const AROUND_MS: u64 = 60_000;
    let at = kept.at.as_millis();
    let query = JournalQuery {
        user_id: Some(primary.clone()),
        kind: Some(EntryKind::Link),
        since: Timestamp::from_millis(at.saturating_sub(AROUND_MS)),
        until: Timestamp::from_millis(at.saturating_add(AROUND_MS)),
        limit: MOST,
        ..JournalQuery::default()
    };
    let entries = visit.directory().journal(&query).map_err(|error| visit.refuse_unavailable(&error))?;
    let is_meant = |entry: &&crate::directory::Entry| {
        entry.provenance.evidence.as_ref().is_some_and(|evidence| evidence.user_id == kept.user_id)
    };
    Ok(entries.iter().find(is_meant).map(|entry| entry.id.clone()))
}

fn list_facts(kept: &KeptDecision) -> Vec<(&'static str, String)> {
    let plugin = kept.plugin.as_ref().map(|it| format!("{}, SHA-256 {}", it.name, it.sha256));
    let document = kept.policy_sha256.as_ref().map(|it| format!("SHA-256 {it}"));
    let facts = [
        ("Time", Some(format_time(kept.at))),
        ("Went on as", kept.final_user_id.clone()),
        ("Connection", kept.connection.clone()),
        ("Application", kept.client_id.clone()),
        ("Policy", kept.policy.clone()),
        ("Document", document),
        ("Plugin", plugin),
        ("Id", Some(kept.id.to_string())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn name_part(part: LeftOutPart) -> &'static str {
    match part {
        LeftOutPart::Reasons => "some reasons",
        LeftOutPart::Trace => "the trace",
        LeftOutPart::Texts => "the ends of long texts",
    }
}
