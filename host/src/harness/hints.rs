//! Hints: changes of the settings that a plugin proposes, tried before they are shown.

use std::time::Duration;

use serde_json::{Map, Value};

use super::report::{Hint, Report};
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::decide::Policy;
use crate::sandbox::Settings;

/// The most logins that are decided again for one report.
const MAX_TRIES: usize = 8;

/// The most time for all of them.
const MAX_TIME: Duration = Duration::from_secs(4);

/// The words before settings that can be tried, in the plugin's counterfactual.
const TRIABLE_WORDS: &str = "If the settings had ";

/// Tries the changes of settings that the plugin proposes, and adds those that change
/// the decision to the report. `decide_again` decides the same login by other
/// policies.
pub(super) fn try_hints(
    report: Report,
    policies: &[Policy],
    decide_again: &dyn Fn(&[Policy]) -> Report,
) -> Report {
    let Some(counterfactual) = report.counterfactual.as_deref() else { return report };
    let deciding = deciding_index(&report);
    let Some(ambient) = policies.get(deciding).map(|it| it.plugin.ambient()) else { return report };
    let mut trial = Trial {
        policies,
        decide_again,
        has_several: report.policies.len() > 1,
        tries_left: MAX_TRIES,
        ambient,
        until: ambient.monotonic() + MAX_TIME,
    };
    let (mut words, mut hints): (Vec<&str>, Vec<Hint>) = (Vec::new(), Vec::new());
    for sentence in split_sentences(counterfactual) {
        match parse_proposal(sentence) {
            None => words.push(sentence),
            Some(proposal) => {
                let found = trial.try_change(deciding, proposal, report.decision.kind());
                hints.extend(found.filter(|hint| hints.iter().all(|it| it.settings != hint.settings)));
            }
        }
    }
    let counterfactual = match (words.as_slice(), hints.as_slice()) {
        ([], []) => Some("no change that was tried alters the decision".to_owned()),
        ([], _) => None,
        (words, _) => Some(words.join(" ")),
    };
    Report { counterfactual, hints, ..report }
}

/// Returns the index of the policy that has decided.
fn deciding_index(report: &Report) -> usize {
    report.policies.iter().rposition(|it| it.decision != "not asked").unwrap_or_default()
}

/// The tries for one report.
struct Trial<'a> {
    policies: &'a [Policy<'a>],
    decide_again: &'a dyn Fn(&[Policy]) -> Report,
    /// Whether the report is about several policies.
    has_several: bool,
    tries_left: usize,
    ambient: &'a Ambient,
    until: Monotonic,
}

impl Trial<'_> {
    /// Decides again with the proposed settings, and with those that the plugin then
    /// proposes in addition, until the decision differs from `current`.
    fn try_change(&mut self, index: usize, proposal: Proposal<'_>, current: &str) -> Option<Hint> {
        let policy = self.policies.get(index)?;
        let Proposal { mut settings, note } = proposal;
        let mut notes: Vec<String> = vec![note.to_owned()];
        loop {
            if self.tries_left == 0 || self.ambient.monotonic() > self.until {
                return None;
            }
            self.tries_left -= 1;
            let document = with_members(policy.settings.text(), &settings)?;
            // A hint that the plugin does not accept is of no use.
            if !matches!(policy.plugin.check_settings(document.text()), Ok(Ok(()))) {
                return None;
            }
            let mut policies = self.policies.to_vec();
            policies[index] = Policy { settings: &document, ..*policy };
            let report = (self.decide_again)(&policies);
            if report.failure.is_some() {
                return None;
            }
            if report.decision.kind() != current {
                let name = self.has_several.then(|| policy.name.to_owned());
                notes.retain(|note| !note.is_empty());
                let note = (!notes.is_empty()).then(|| notes.join(" "));
                return Some(Hint {
                    policy: name,
                    settings,
                    decision: report.decision.kind().to_owned(),
                    note,
                });
            }
            let counterfactual = report.counterfactual.unwrap_or_default();
            let Proposal { settings: more, note } =
                split_sentences(&counterfactual).find_map(parse_proposal)?;
            let before = settings.clone();
            settings.extend(more);
            if settings == before {
                return None;
            }
            notes.push(note.to_owned());
        }
    }
}

/// Returns the settings with these members replaced or added.
fn with_members(text: &str, members: &Map<String, Value>) -> Option<Settings> {
    let mut document: Map<String, Value> = serde_json::from_str(text).ok()?;
    document.extend(members.clone());
    Some(Settings::new(Value::Object(document).to_string()))
}

/// Splits a counterfactual at the sentences that begin with `If`. Each part holds such
/// a sentence and those after it.
fn split_sentences(counterfactual: &str) -> impl Iterator<Item = &str> {
    let mut rest = counterfactual;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // Texts within settings may look like the beginning of a sentence.
        let behind = find_settings(rest).map_or(0, |(_, _, behind)| rest.len() - behind.len());
        let end = rest[behind..].find(". If ").map_or(rest.len(), |at| behind + at + 1);
        let (sentence, others) = rest.split_at(end);
        rest = others.trim_start();
        Some(sentence)
    })
}

/// A change of settings that a plugin proposes.
struct Proposal<'a> {
    settings: Map<String, Value>,
    /// The plugin's note about the change; empty if there is none.
    note: &'a str,
}

/// Parses a sentence that proposes settings.
fn parse_proposal(sentence: &str) -> Option<Proposal<'_>> {
    let (before, settings, behind) = find_settings(sentence)?;
    let note = behind.split_once(". ").map_or("", |it| it.1);
    (before == TRIABLE_WORDS).then_some(Proposal { settings, note })
}

/// Finds the first JSON object of a text. Returns the text before it, the object, and
/// the text after it.
fn find_settings(text: &str) -> Option<(&str, Map<String, Value>, &str)> {
    let (before, from) = text.split_at(text.find('{')?);
    // The object belongs to a later sentence.
    if before.contains(". If ") {
        return None;
    }
    let mut read = serde_json::Deserializer::from_str(from).into_iter();
    let settings = read.next()?.ok()?;
    Some((before, settings, &from[read.byte_offset()..]))
}

#[cfg(test)]
mod tests {
    use super::{Proposal, parse_proposal, split_sentences};

    #[test]
    fn sentences_and_settings_are_distinguished() {
        let counterfactual = r#"If the other account were not blocked, so. If the settings had {"a. If b":["}"]}, so. Only if x. If c, so."#;
        let found: Vec<&str> = split_sentences(counterfactual).collect();
        assert_eq!(
            found,
            [
                "If the other account were not blocked, so.",
                r#"If the settings had {"a. If b":["}"]}, so. Only if x."#,
                "If c, so."
            ]
        );
        let Proposal { settings, note } = parse_proposal(found[1]).unwrap();
        assert_eq!(
            (serde_json::to_string(&settings).unwrap().as_str(), note),
            (r#"{"a. If b":["}"]}"#, "Only if x.")
        );
        assert!(parse_proposal(found[0]).is_none());
        assert!(parse_proposal(r#"If x and the settings had {"a":1}, so."#).is_none());
        assert!(parse_proposal("If the settings had {broken").is_none());
    }
}
