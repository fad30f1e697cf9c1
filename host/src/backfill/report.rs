//! The report of a plan: what a page and a table say about it.

use super::group_decision::GroupKind;
use super::plan::{Plan, PlanError, PlannedGroup};
use super::tally::Tally;

/// The number of groups of each kind that a page shows as a sample.
const SAMPLE: usize = 5;

/// The maximum number of conflicts that a page lists. The table has all of them.
const CONFLICTS: usize = 200;

/// The content of a report.
#[derive(Debug)]
pub struct Report {
    /// The counts.
    pub tally: Tally,
    /// The number of users, if the source has been read whole.
    pub users: u64,
    /// The first conflicts.
    pub conflicts: Vec<PlannedGroup>,
    /// The first groups of each other kind.
    pub samples: Vec<(GroupKind, Vec<PlannedGroup>)>,
}

impl Report {
    /// Reads the report of a plan. `users` is the number of users of the source.
    ///
    /// # Errors
    ///
    /// If the plan cannot be read.
    pub fn of_plan(plan: &Plan, users: u64) -> Result<Self, PlanError> {
        let others = [GroupKind::Link, GroupKind::Suggest, GroupKind::Skip];
        let mut report = Self {
            tally: Tally::new(),
            users,
            conflicts: Vec::new(),
            samples: others.map(|kind| (kind, Vec::new())).into(),
        };
        plan.read_groups(|group| {
            report.add(group);
            Ok::<_, PlanError>(())
        })?;
        Ok(report)
    }

    fn add(&mut self, group: PlannedGroup) {
        self.tally.add(&group);
        if group.kind == GroupKind::Conflict {
            if self.conflicts.len() < CONFLICTS {
                self.conflicts.push(group);
            }
            return;
        }
        let sample = self.samples.iter_mut().find(|(kind, _)| *kind == group.kind);
        if let Some((_, groups)) = sample.filter(|(_, groups)| groups.len() < SAMPLE) {
            groups.push(group);
        }
    }
}
