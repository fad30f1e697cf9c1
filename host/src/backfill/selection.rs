//! Narrowing a plan: the groups of it that are applied.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::group::GroupId;
use super::plan::PlannedGroup;

/// A selection of the groups of a plan. Its conditions are combined with "and"; without any, it has
/// every group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The codes of reasons. The reasons of all logins that give a group its kind are among them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reasons: BTreeSet<String>,
    /// The names of connections. The connections of all accounts of a group are among them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub connections: BTreeSet<String>,
    /// A share of the groups, which is the same each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// The groups that a person approved or rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

impl Selection {
    /// Returns whether a group is selected.
    #[must_use]
    pub fn includes(&self, group: &PlannedGroup) -> bool {
        let deciding = || group.logins.iter().filter(|login| login.kind == group.kind);
        let connections = || group.accounts.iter().flat_map(|account| &account.connections);
        (self.reasons.is_empty() || deciding().all(|login| self.reasons.contains(&login.reason)))
            && (self.connections.is_empty() || connections().all(|it| self.connections.contains(it)))
            && self.sample.is_none_or(|sample| sample.includes(group.group))
            && self.review.as_ref().is_none_or(|review| review.approves(group.group))
    }
}

/// A share of the groups, in millionths. A larger share contains every smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sample(u32);

impl Sample {
    fn includes(self, group: GroupId) -> bool {
        u128::from(group.prefix()) * 1_000_000 < (u128::from(self.0) << 64)
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share =
            || text.strip_suffix('%')?.trim().parse::<f64>().ok().filter(|it| *it > 0.0 && *it <= 100.0);
        let share =
            share().ok_or_else(|| format!("`{text}` is not a share of the groups, such as 1% or 0.5%"))?;
        // At most 1,000,000.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let millionths = (share * 10_000.0).round() as u32;
        Ok(Self(millionths.max(1)))
    }
}

/// The groups that a person approved or rejected. Only approved ones are selected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The approved groups.
    pub approved: BTreeSet<GroupId>,
    /// The rejected groups.
    pub rejected: BTreeSet<GroupId>,
    /// Whether every other group is approved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approves_others: bool,
}

impl Review {
    fn approves(&self, group: GroupId) -> bool {
        !self.rejected.contains(&group) && (self.approves_others || self.approved.contains(&group))
    }

    /// Returns the groups that the review names.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.approved.iter().chain(&self.rejected).copied()
    }
}

/// The word that stands for every group that a review does not name.
const OTHERS: &str = "*";

/// A line of a review is one of these: the id of a group, which approves it; the id, a comma or a
/// blank, and `approved` or `rejected`; `*`, which approves every group that is not named; a comment
/// that begins with `#`.
impl FromStr for Review {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut lines: BTreeMap<GroupId, (usize, bool)> = BTreeMap::new();
        let mut approves_others = false;
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim().trim_start_matches('\u{feff}');
            // The first line may be the header of a table.
            if line.is_empty() || line.starts_with('#') || (number == 1 && line == "group") {
                continue;
            }
            let (id, verdict) = line.split_once([',', ' ', '\t', ';']).unwrap_or((line, "approved"));
            let is_approved =
                match verdict.trim_matches([',', ' ', '\t', ';', '"']).to_ascii_lowercase().as_str() {
                    "approved" => true,
                    "rejected" => false,
                    other => {
                        return Err(format!("line {number}: `{other}` is neither `approved` nor `rejected`"));
                    }
                };
            if id.trim_matches('"') == OTHERS {
                if !is_approved {
                    return Err(format!("line {number}: groups that are not named are rejected already"));
                }
                approves_others = true;
                continue;
            }
            let id: GroupId = id.trim_matches('"').parse().map_err(|why| format!("line {number}: {why}"))?;
            match lines.insert(id, (number, is_approved)) {
                Some((earlier, was_approved)) if was_approved != is_approved => {
                    return Err(format!(
                        "line {number}: the group {id} has another answer on line {earlier}"
                    ));
                }
                _ => {}
            }
        }
        if !approves_others && lines.values().all(|(_, is_approved)| !is_approved) {
            return Err(
                "no group is approved; list the ids of approved groups, one a line, or add the line \
                        `*,approved` for every group that is not rejected"
                    .to_owned(),
            );
        }
        let with = |approved| {
            lines.iter().filter(move |(_, (_, is_approved))| *is_approved == approved).map(|(id, _)| *id)
        };
        Ok(Self { approved: with(true).collect(), rejected: with(false).collect(), approves_others })
    }
}

#[cfg(test)]
mod tests {
    use super::{Review, Sample};
    use crate::backfill::group::GroupId;

    fn ids(number: u32) -> Vec<GroupId> {
        (0..number).map(|it| GroupId::from_address(&format!("user{it}@corp.com"))).collect()
    }

    #[test]
    fn a_sample_has_about_its_share_and_a_larger_one_contains_it() {
        let (one, ten): (Sample, Sample) = ("1%".parse().unwrap(), "10 %".parse().unwrap());
        let ids = ids(10_000);
        let count = |sample: Sample| ids.iter().filter(|id| sample.includes(**id)).count();
        assert!((60..140).contains(&count(one)) && (850..1_150).contains(&count(ten)));
        assert!(ids.iter().all(|id| !one.includes(*id) || ten.includes(*id)));
        assert!(ids.iter().all(|id| "100%".parse::<Sample>().unwrap().includes(*id)));
        for bad in ["", "1", "0%", "-1%", "101%", "x%", "NaN%"] {
            assert!(bad.parse::<Sample>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_approved_groups_are_selected() {
        let ids = ids(3);
        let review: Review = format!("# by Ada\n{}\n\"{}\",rejected\n", ids[0], ids[1]).parse().unwrap();
        let approved: Vec<bool> = ids.iter().map(|id| review.approves(*id)).collect();
        assert_eq!(approved, [true, false, false]);
        let review: Review = format!("group\n{} , rejected\r\n*,approved\n", ids[1]).parse().unwrap();
        let approved: Vec<bool> = ids.iter().map(|id| review.approves(*id)).collect();
        assert_eq!(approved, [true, false, true]);
    }

    #[test]
    fn a_review_that_is_malformed_names_its_line() {
        let id = ids(1)[0];
        let error = |text: String| text.parse::<Review>().unwrap_err();
        assert_eq!(
            error(format!("{id}\nnonsense\n")),
            "line 2: `nonsense` is not the id of a group: 32 hexadecimal digits"
        );
        assert_eq!(error(format!("{id},maybe")), "line 1: `maybe` is neither `approved` nor `rejected`");
        let twice = format!("{id}\n\n{id},rejected");
        assert_eq!(error(twice), format!("line 3: the group {id} has another answer on line 1"));
        for nothing in ["# nothing\n".to_owned(), format!("{id},rejected\n")] {
            assert!(error(nothing).starts_with("no group is approved; list the ids"));
        }
        assert_eq!(error("*,rejected".to_owned()), "line 1: groups that are not named are rejected already");
    }
}
