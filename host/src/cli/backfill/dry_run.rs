//! The counts of `ligature backfill apply --dry-run`, for people and programs.

use serde_json::json;

use super::run_summary::{count_of, not_selected_line, right_count_of};
use crate::backfill::{DryRunCounts, PlanHeader};
use crate::cli::{CommandResult, Exit, print, print_json};
use crate::directory::RunGroupState;
use crate::harness::group_thousands;
use crate::terminal::{Json, Text};

/// Prints the counts of a dry run of a plan.
pub(super) fn print_counts(header: &PlanHeader, counts: &DryRunCounts, as_json: bool) -> CommandResult {
    let states = [
        (RunGroupState::Linked, "WOULD LINK", "would_link"),
        (RunGroupState::LeftOut, "LEFT OUT", "left_out"),
    ];
    if as_json {
        let name = |state| states.iter().find(|it| it.0 == state).map(|it| it.2);
        let groups = counts
            .groups
            .iter()
            .map(|it| json!({ "state": name(it.state), "reason": it.reason, "number": it.number }));
        let all = json!({
            "dry_run": true,
            "plan": header,
            "not_selected": counts.not_selected,
            "groups": groups.collect::<Vec<_>>(),
        });
        return print_json(&Json::pretty(&all).map_err(Exit::failed)?);
    }
    let mut text = Text::default();
    let total = counts.groups.iter().map(|it| it.number).sum();
    text.line(format!("Dry run of the plan of {}: {}", header.source, count_of(total, "group")));
    if counts.not_selected > 0 {
        text.line(not_selected_line(counts.not_selected));
    }
    for (state, name, _) in states {
        let of_state = || counts.groups.iter().filter(|it| it.state == state);
        let number = of_state().map(|it| it.number).sum();
        if number > 0 {
            text.head(&format!("{name:<13}{}", right_count_of(number, "group")));
            for it in of_state() {
                text.line(format!("  {:>12}  {}", group_thousands(it.number), it.reason));
            }
        }
    }
    text.line("");
    text.line("Nothing was changed, and no run has begun.");
    print(&text)
}
