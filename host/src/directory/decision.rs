//! Decisions that are kept: the decision of a login, with its reasons and its trace.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::provenance::PluginVersion;
use crate::ambient::Ambient;
use crate::model::{Decision, Level, Reason, RuleVerdict, Timestamp, mask_addresses, truncate};

/// The most bytes of a kept decision, as JSON.
const DECISION_BYTES: usize = 16 << 10;
/// The most bytes of one text of a decision.
const TEXT: usize = 1 << 10;
/// The most bytes of an id or a name.
const NAME: usize = 256;
/// The most ids of one reason or suggestion.
const IDS: usize = 10;
/// The most bytes of a reason code that is counted and searched.
const CODE: usize = 64;
/// The reason code under which unusual codes are counted.
pub(super) const OTHER_CODE: &str = "other";

/// The id of a kept decision: a UUID whose order is the order of keeping.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecisionId(String);

impl DecisionId {
    /// Draws an id, which is greater than all earlier ones of this process.
    #[must_use]
    pub fn draw(ambient: &Ambient) -> Self {
        let micros = ambient.draw_moment().as_micros();
        let mut bytes = [0; 10];
        ambient.random().fill(&mut bytes);
        // RFC 9562, section 6.2, method 3: a fraction of the millisecond in place of random bits.
        let fraction = u16::try_from(micros % 1_000).unwrap_or_default();
        bytes[..2].copy_from_slice(&fraction.to_be_bytes());
        let id = uuid::Builder::from_unix_timestamp_millis(micros / 1_000, &bytes).into_uuid();
        Self(id.to_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DecisionId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = uuid::Uuid::try_parse(text);
        id.map(|id| Self(id.to_string()))
            .map_err(|_| format!("`{text}` is not a decision's id; `ligature decisions list` prints them"))
    }
}

/// A decision that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptDecision {
    /// The id.
    pub id: DecisionId,
    /// The time of the login.
    pub at: Timestamp,
    /// The user who logged in.
    pub user_id: String,
    /// The user that the login continued as; none if it was denied, or if that user is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_user_id: Option<String>,
    /// The application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The connection of the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The policy that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// SHA-256 of that policy's document, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_sha256: Option<String>,
    /// The plugin that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginVersion>,
    /// The decision.
    pub decision: Decision,
    /// The reasons, the deciding one first. Their addresses are masked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// The verdict of every rule, with masked addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<RuleVerdict>,
    /// The smallest change of the policy that would have changed the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterfactual: Option<String>,
    /// The parts that were too large.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutPart>,
}

/// A part of a decision that was too large, and is missing or cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeftOutPart {
    /// The end of the list of reasons.
    Reasons,
    /// The whole trace.
    Trace,
    /// The end of a text or of a list of ids.
    Texts,
}

impl KeptDecision {
    /// Returns the code of the deciding reason, in a form that can be counted.
    #[must_use]
    pub fn deciding_code(&self) -> &str {
        self.reasons.first().map_or("", |reason| countable_code(&reason.code))
    }

    /// Returns the users of a conflict that a reason reports: those that it names, and the one who logged
    /// in. `None` if the reason reports no conflict.
    pub(super) fn users_in_conflict(&self, reason: &Reason) -> Option<Vec<String>> {
        (reason.level == Level::Conflict).then(|| {
            let mut ids: Vec<_> = reason.subject.iter().chain([&self.user_id]).cloned().collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        })
    }

    /// Returns the decision within the bounds of what is kept, with masked addresses in its texts.
    #[must_use]
    pub(super) fn within_bounds(mut self) -> Self {
        if self.cut_texts() {
            self.left_out.push(LeftOutPart::Texts);
        }
        if self.count_bytes() > DECISION_BYTES && !self.trace.is_empty() {
            self.trace.clear();
            self.left_out.push(LeftOutPart::Trace);
        }
        if self.count_bytes() > DECISION_BYTES {
            self.left_out.push(LeftOutPart::Reasons);
            while self.reasons.len() > 1 && self.count_bytes() > DECISION_BYTES {
                self.reasons.pop();
            }
        }
        self
    }

    /// Returns the bytes of the decision, as JSON.
    pub(super) fn count_bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }

    /// The texts that may contain addresses.
    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let message = match &mut self.decision {
            Decision::Deny { message } => Some(message),
            _ => None,
        };
        let details = self.reasons.iter_mut().map(|reason| &mut reason.detail);
        let verdicts = self.trace.iter_mut().flat_map(|it| [&mut it.rule, &mut it.verdict, &mut it.evidence]);
        details.chain(verdicts).chain(message).chain(self.counterfactual.as_mut())
    }

    /// Cuts texts, names and lists of ids, and masks addresses in texts. Returns whether one was cut.
    fn cut_texts(&mut self) -> bool {
        let mut is_cut = false;
        self.texts().for_each(|text| is_cut |= cut_text(text));
        let mut cut = |name: &mut String| is_cut |= cut_name(name);
        cut(&mut self.user_id);
        let names = [&mut self.final_user_id, &mut self.client_id, &mut self.connection, &mut self.policy];
        names.into_iter().chain([&mut self.policy_sha256]).flatten().for_each(&mut cut);
        if let Some(PluginVersion { name, sha256 }) = &mut self.plugin {
            cut(name);
            cut(sha256);
        }
        self.reasons.iter_mut().for_each(|reason| cut(&mut reason.code));
        for reason in &mut self.reasons {
            is_cut |= cut_ids(&mut reason.subject);
        }
        is_cut
            | match &mut self.decision {
                Decision::Suggest { candidates, .. } => cut_ids(candidates),
                Decision::Linked { primary } => cut_name(primary),
                Decision::Proceed | Decision::Deny { .. } => false,
            }
    }
}

/// Masks the addresses of a text, and cuts it. Returns whether it was cut.
fn cut_text(text: &mut String) -> bool {
    let is_cut = text.len() > TEXT;
    // A mask is shorter than most addresses, and a huge text is not searched.
    let begin = truncate(text, 4 * TEXT);
    *text = truncate(&mask_addresses(&begin), TEXT).into_owned();
    is_cut
}

/// Cuts an id or a name. Returns whether it was cut.
fn cut_name(name: &mut String) -> bool {
    let is_cut = name.len() > NAME || name.contains('\0');
    if is_cut {
        // Databases refuse the character NUL.
        *name = truncate(name, NAME).replace('\0', "\u{fffd}");
    }
    is_cut
}

/// Cuts a list of ids. Returns whether something was cut.
fn cut_ids(ids: &mut Vec<String>) -> bool {
    let is_cut = ids.len() > IDS;
    ids.truncate(IDS);
    ids.iter_mut().fold(is_cut, |is_cut, id| is_cut | cut_name(id))
}

/// Returns a reason code as it is counted: custom policies may make up any text.
pub(super) fn countable_code(code: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_countable = !code.is_empty() && code.len() <= CODE && code.bytes().all(is_plain);
    if is_countable { code } else { OTHER_CODE }
}

/// The number of decisions of one kind and one deciding reason on one day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DecisionCount {
    /// The day in UTC, such as `2026-11-27`.
    pub day: String,
    /// The kind of the decision.
    pub kind: String,
    /// The code of the deciding reason. Empty if there was none.
    pub code: String,
    /// The number of decisions.
    pub number: u64,
}

/// Returns the day of a time, in UTC.
pub(super) fn day_of(time: Timestamp) -> String {
    let mut text = time.to_string();
    text.truncate("2026-11-27".len());
    text
}

/// The result of keeping decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeptBatch {
    /// The decisions that are new.
    pub kept: usize,
    /// The conflicts that were not opened, because too many wait for a person already.
    pub unopened_conflicts: usize,
}

#[cfg(test)]
mod tests {
    use super::{DECISION_BYTES, DecisionId, KeptDecision, LeftOutPart, countable_code, day_of};
    use crate::ambient::Ambient;
    use crate::model::{Decision, Level, Reason, RuleVerdict};

    fn decision(reasons: usize, detail: &str, evidence: &str) -> KeptDecision {
        let ambient = Ambient::fixed("2026-11-27T10:00:00Z".parse().unwrap());
        let reason = Reason {
            code: "TWO_MANAGED".to_owned(),
            level: Level::Conflict,
            subject: vec!["auth0|2".to_owned(); 3],
            detail: detail.to_owned(),
        };
        let verdict =
            RuleVerdict { rule: "rule".to_owned(), verdict: "go".to_owned(), evidence: evidence.to_owned() };
        KeptDecision {
            id: DecisionId::draw(&ambient),
            at: ambient.now(),
            user_id: "auth0|1".to_owned(),
            final_user_id: None,
            client_id: None,
            connection: None,
            policy: None,
            policy_sha256: None,
            plugin: None,
            decision: Decision::Deny { message: "Ask ada@corp.com.".to_owned() },
            reasons: vec![reason; reasons],
            trace: vec![verdict; 20],
            counterfactual: None,
            left_out: Vec::new(),
        }
    }

    #[test]
    fn ids_are_in_the_order_in_which_they_are_drawn() {
        let ambient = Ambient::fixed("2026-11-27T10:00:00Z".parse().unwrap());
        let ids: Vec<_> = (0..3_000).map(|_| DecisionId::draw(&ambient)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(ids[0].as_str().parse(), Ok(ids[0].clone()));
        assert!("7".parse::<DecisionId>().unwrap_err().contains("decisions list"));
    }

    #[test]
    fn a_small_decision_is_kept_whole_with_masked_addresses() {
        let kept = decision(1, "It is ada@corp.com.", "ada@corp.com has it").within_bounds();
        assert!(kept.left_out.is_empty());
        let json = serde_json::to_string(&kept).unwrap();
        assert!(!json.contains("ada@corp.com") && json.contains("a…@corp.com"), "{json}");
        assert_eq!(kept.clone().within_bounds(), kept);
    }

    #[test]
    fn a_decision_is_cut_to_its_bound_trace_first() {
        let long = "x".repeat(5_000);
        for (reasons, detail, evidence, left_out) in [
            (1, "short", long.as_str(), &[LeftOutPart::Texts, LeftOutPart::Trace][..]),
            (40, long.as_str(), "short", &[LeftOutPart::Texts, LeftOutPart::Trace, LeftOutPart::Reasons]),
            (400, "short", "short", &[LeftOutPart::Trace, LeftOutPart::Reasons]),
        ] {
            let kept = decision(reasons, detail, evidence).within_bounds();
            assert_eq!(kept.left_out, left_out);
            assert!(kept.count_bytes() <= DECISION_BYTES && !kept.reasons.is_empty());
        }
        let mut hostile = decision(1, "short", "short");
        hostile.reasons[0].subject = vec!["\u{1}".repeat(5_000); 1_000];
        hostile.user_id = "\u{1}".repeat(5_000);
        assert!(hostile.within_bounds().count_bytes() <= 2 * DECISION_BYTES);
    }

    #[test]
    fn unusual_codes_are_counted_together() {
        assert_eq!(countable_code("LINKED_2"), "LINKED_2");
        for odd in ["", "lower", "A B", "Ä", &"X".repeat(65)] {
            assert_eq!(countable_code(odd), "other", "{odd}");
        }
    }

    #[test]
    fn a_day_is_that_of_utc() {
        assert_eq!(day_of("2026-11-27T23:59:59.999Z".parse().unwrap()), "2026-11-27");
        assert_eq!(day_of("2026-11-28T00:30:00+01:00".parse().unwrap()), "2026-11-27");
    }
}
