//! The page of a report: one HTML file without scripts, which opens from a disk.

use askama::Template;

use super::conflict_advice::advise;
use super::group_decision::GroupKind;
use super::plan::{PlanHeader, PlannedGroup};
use super::report::Report;
use crate::model::{join_lines, mask_addresses};

/// The maximum number of bars of a chart. The rest is one bar.
const BARS: usize = 12;

/// The maximum length of a foreign text on the page, in bytes.
const TEXT: usize = 200;

#[derive(Template)]
#[template(path = "backfill_report.html")]
struct Page<'a> {
    header: &'a PlanHeader,
    users: String,
    people: String,
    removed: String,
    groups: String,
    only_observes: bool,
    are_addresses_masked: bool,
    kinds: Vec<Count>,
    charts: Vec<Chart>,
    conflict_reasons: Vec<ConflictReason<'a>>,
    conflicts: &'a [PlannedGroup],
    more_conflicts: Option<String>,
    samples: Vec<(&'static str, &'a [PlannedGroup])>,
}

struct Count {
    kind: &'static str,
    meaning: &'static str,
    groups: String,
}

struct ConflictReason<'a> {
    reason: &'a str,
    /// The number of decided logins.
    logins: String,
    /// The parts of the advice, and whether each is a name of the program or of the policy.
    advice: Vec<(bool, &'static str)>,
}

struct Chart {
    title: &'static str,
    bars: Vec<Bar>,
}

struct Bar {
    label: String,
    number: String,
    /// The width, in percent of the longest bar's.
    percent: u64,
}

/// Filters of the template.
#[expect(unreachable_pub, reason = "generated code")]
mod filters {
    use std::fmt::Display;

    use super::{TEXT, join_lines, mask_addresses};

    /// Escapes the control characters of a foreign text, and bounds its length.
    #[askama::filter_fn]
    pub fn one_line(text: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(join_lines(&text.to_string(), TEXT))
    }

    /// The same, without the addresses that an id may contain.
    #[askama::filter_fn]
    pub fn masked(text: impl Display, _: &dyn askama::Values, is_masked: &bool) -> askama::Result<String> {
        let text = text.to_string();
        Ok(join_lines(&if *is_masked { mask_addresses(&text) } else { (&*text).into() }, TEXT))
    }
}

/// Renders the page of a report.
///
/// # Errors
///
/// If the template fails.
pub fn render_page(
    header: &PlanHeader,
    report: &Report,
    group_thousands: fn(u64) -> String,
) -> askama::Result<String> {
    let tally = &report.tally;
    let conflicts = tally.groups_by_kind.get(GroupKind::Conflict.as_str()).copied().unwrap_or(0);
    let more = conflicts.saturating_sub(report.conflicts.len() as u64);
    let reasons = tally.reasons.iter().flat_map(|(kind, reasons)| {
        reasons.iter().map(move |(reason, number)| (format!("{kind} {reason}"), *number))
    });
    let pairs = tally.connection_pairs.iter().map(|(pair, number)| (pair.clone(), *number));
    let page = Page {
        header,
        users: group_thousands(report.users),
        people: group_thousands(report.users.saturating_sub(tally.removed_accounts)),
        removed: group_thousands(tally.removed_accounts),
        groups: group_thousands(tally.groups),
        only_observes: header.policies.iter().any(|policy| policy.mode.as_deref() == Some("observe")),
        are_addresses_masked: !header.has_addresses,
        kinds: GroupKind::ALL.map(|kind| describe_kind(kind, report, group_thousands)).into(),
        charts: vec![
            draw("Links by pair of connections", pairs.collect(), group_thousands),
            draw("Decided logins by reason", reasons.collect(), group_thousands),
        ],
        conflict_reasons: list_conflict_reasons(report, group_thousands),
        conflicts: &report.conflicts,
        more_conflicts: (more > 0).then(|| group_thousands(more)),
        samples: report.samples.iter().map(|(kind, groups)| (kind.as_str(), groups.as_slice())).collect(),
    };
    page.render()
}

/// Lists the reasons of conflicts, the most frequent first.
fn list_conflict_reasons<'a>(
    report: &'a Report,
    group_thousands: fn(u64) -> String,
) -> Vec<ConflictReason<'a>> {
    let counted = report.tally.reasons.get(GroupKind::Conflict.as_str());
    let mut reasons: Vec<(&String, &u64)> = counted.into_iter().flatten().collect();
    reasons.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    let describe = |(reason, number): (&'a String, &u64)| ConflictReason {
        reason,
        logins: group_thousands(*number),
        advice: advise(reason)
            .split('`')
            .zip([false, true].into_iter().cycle())
            .map(|(text, is_name)| (is_name, text))
            .collect(),
    };
    reasons.into_iter().map(describe).collect()
}

fn describe_kind(kind: GroupKind, report: &Report, group_thousands: fn(u64) -> String) -> Count {
    let meaning = match kind {
        GroupKind::Link => "are linked when the plan is applied",
        GroupKind::Suggest => "are asked about at the next login",
        GroupKind::Conflict => "need a person who decides",
        GroupKind::Skip => "stay separate",
    };
    let groups = report.tally.groups_by_kind.get(kind.as_str()).copied().unwrap_or(0);
    Count { kind: kind.as_str(), meaning, groups: group_thousands(groups) }
}

/// Draws a chart: the longest bar first.
fn draw(title: &'static str, mut counts: Vec<(String, u64)>, group_thousands: fn(u64) -> String) -> Chart {
    counts.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let rest: u64 = counts.iter().skip(BARS).map(|(_, number)| number).sum();
    counts.truncate(BARS);
    if rest > 0 {
        counts.push(("others".to_owned(), rest));
    }
    let longest = counts.iter().map(|(_, number)| *number).max().unwrap_or(0).max(1);
    let draw_bar = |(label, number): (String, u64)| Bar {
        label: join_lines(&label, TEXT),
        number: group_thousands(number),
        percent: (number * 100 / longest).max(1),
    };
    Chart { title, bars: counts.into_iter().map(draw_bar).collect() }
}
