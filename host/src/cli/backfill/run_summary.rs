//! The state of a run, for people and programs.

use serde::Serialize;

use super::explain::explain;
use crate::backfill::{BackfillError, RunRecord, UndoCounts};
use crate::cli::{CommandResult, Exit, print, print_json};
use crate::directory::{BackfillStore, GroupCount, RunGroupState};
use crate::harness::group_thousands;
use crate::model::Timestamp;
use crate::terminal::{Json, Text, care, line};

/// The maximum number of runs that are listed.
pub(super) const RUNS: usize = 100;

/// The state of a run.
#[derive(Debug, Serialize)]
pub(super) struct RunSummary {
    run: String,
    began_at: Timestamp,
    /// Whether all groups are stored.
    ready: bool,
    plan: RunRecord,
    groups: Vec<CountOfGroups>,
    /// The counts of the command that prints the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    this_command: Option<UndoCounts>,
}

#[derive(Debug, Serialize)]
struct CountOfGroups {
    #[serde(serialize_with = "serialize_state")]
    state: RunGroupState,
    reason: String,
    number: u64,
}

fn serialize_state<S: serde::Serializer>(state: &RunGroupState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}

impl RunSummary {
    /// Reads the state of a run.
    pub(super) fn read(store: &dyn BackfillStore, run_id: &str) -> Result<Self, Exit> {
        let run = store.run(run_id).map_err(Exit::from)?;
        let run = run.ok_or_else(|| explain(BackfillError::UnknownRun(run_id.to_owned())))?;
        let plan = serde_json::from_str(&run.record).map_err(|error| {
            explain(BackfillError::DamagedGroup(format!("of the run {run_id}"), error.to_string()))
        })?;
        let counts = store.count_groups(run_id).map_err(Exit::from)?;
        let groups = counts
            .into_iter()
            .map(|GroupCount { state, reason, number }| CountOfGroups { state, reason, number })
            .collect();
        Ok(Self {
            run: run.run_id,
            began_at: run.began_at,
            ready: run.is_ready,
            plan,
            groups,
            this_command: None,
        })
    }

    /// Returns the number of groups in a state.
    pub(super) fn count(&self, state: RunGroupState) -> u64 {
        self.groups.iter().filter(|it| it.state == state).map(|it| it.number).sum()
    }

    /// Adds the counts of an undo.
    pub(super) fn with_undo(self, counts: UndoCounts) -> Self {
        Self { this_command: Some(counts), ..self }
    }

    /// Prints the state.
    pub(super) fn print(&self, as_json: bool) -> CommandResult {
        if as_json {
            return print_json(&Json::pretty(self).map_err(Exit::failed)?);
        }
        print(&self.describe())
    }

    fn describe(&self) -> Text {
        let mut text = Text::default();
        let total: u64 = self.groups.iter().map(|it| it.number).sum();
        text.line(format!(
            "Run {} of the plan of {}, begun at {}: {}",
            self.run,
            self.plan.plan.source,
            self.began_at,
            count_of(total, "group")
        ));
        if self.plan.not_selected > 0 {
            text.line(not_selected_line(self.plan.not_selected));
        }
        if !self.ready {
            text.line(line![care(
                "The groups are not stored completely; `ligature backfill apply` goes on."
            )]);
        }
        for state in RunGroupState::ALL {
            let number = self.count(state);
            if number == 0 {
                continue;
            }
            text.head(&format!("{:<13}{}", name(state), right_count_of(number, "group")));
            for it in self.groups.iter().filter(|it| it.state == state && !it.reason.is_empty()) {
                text.line(format!("  {:>12}  {}", group_thousands(it.number), it.reason));
            }
        }
        if let Some(counts) = &self.this_command {
            text.line("");
            describe_undo(&mut text, counts);
        }
        if self.count(RunGroupState::Undone) > 0 {
            text.line("");
            text.line(format!(
                "`ligature backfill status {} --groups` tells of each group what the undo did not restore.",
                self.run
            ));
        }
        if self.count(RunGroupState::Linked) > 0 {
            text.line("");
            text.line(format!("`ligature backfill undo {}` undoes the links.", self.run));
        }
        text
    }
}

fn describe_undo(text: &mut Text, counts: &UndoCounts) {
    let UndoCounts { undone, cancelled, refused, not_restored } = counts;
    let number = |number: &u64| group_thousands(*number);
    text.line("Groups of this command:");
    text.line(format!("  {:>12}  undone", number(undone)));
    if *cancelled > 0 {
        text.line(format!("  {:>12}  waiting until now, and not applied any more", number(cancelled)));
    }
    if *refused > 0 {
        text.line(format!("  {:>12}  with a link that cannot be undone now", number(refused)));
    }
    if not_restored.is_empty() {
        return;
    }
    text.line("Not as before, by links:");
    for (sentence, links) in not_restored {
        text.line(format!("  {:>12}  {sentence}", number(links)));
    }
}

/// Returns the name of a state for people.
pub(super) fn name(state: RunGroupState) -> &'static str {
    match state {
        RunGroupState::Waiting => "WAITING",
        RunGroupState::Linked => "LINKED",
        RunGroupState::LeftOut => "LEFT OUT",
        RunGroupState::Undone => "UNDONE",
        RunGroupState::UndoRefused => "NOT UNDONE",
    }
}

/// Returns the id of the run that this id, or the beginning of one, names.
pub(super) fn find_run(store: &dyn BackfillStore, id: &str) -> Result<String, Exit> {
    let unknown = || explain(BackfillError::UnknownRun(id.to_owned()));
    if id.is_empty() {
        return Err(unknown());
    }
    let mut named = store.find_runs(id, 2).map_err(Exit::from)?.into_iter();
    match (named.next(), named.next()) {
        (Some(run_id), None) => Ok(run_id),
        (Some(_), Some(_)) => Err(explain(BackfillError::AmbiguousRun(id.to_owned()))),
        (None, _) => Err(unknown()),
    }
}

/// Returns a notice about the work that is left.
pub(super) fn stopped_notice(summary: &RunSummary, next: &str) -> Text {
    let left = describe_waiting(summary.count(RunGroupState::Waiting));
    Text::from_line(format!("run {}: {left}; {next}", summary.run))
}

/// Returns a number of things: `1 group`, `2,000 groups`.
pub(super) fn count_of(number: u64, thing: &str) -> String {
    right_count_of(number, thing).trim_start().to_owned()
}

/// Returns a number of things whose digits end at the twelfth column.
pub(super) fn right_count_of(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{:>12} {thing}{plural}", group_thousands(number))
}

/// Returns a sentence about groups that are not selected.
pub(super) fn not_selected_line(number: u64) -> String {
    format!("{} with links {} not selected.", count_of(number, "group"), verb(number))
}

/// Returns `is` or `are`.
pub(super) fn verb(number: u64) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// Returns the number of groups that wait, with its verb.
pub(super) fn describe_waiting(number: u64) -> String {
    let wait = if number == 1 { "waits" } else { "wait" };
    format!("{} {wait}", count_of(number, "group"))
}
