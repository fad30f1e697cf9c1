//! Changes of the settings that a plugin tells of, tried before they are shown.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::report::Report;
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::decide::Policy;
use crate::sandbox::Settings;

/// A change of the settings that changes the decision: it was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hint {
    /// The policy that the settings belong to, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The keys and their values, each in place of the one that the settings
    /// have.
    pub settings: Map<String, Value>,
    /// The decision with them: `proceed`, `linked`, `suggest` or `deny`.
    pub decision: String,
    /// The precondition and the protection that is given up, in the plugin's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The most logins that are decided again for one report, and the time for all
/// of them.
const TRIES: usize = 8;
const TIME: Duration = Duration::from_secs(4);

/// The words before settings that can be tried.
const TRIABLE: &str = "If the settings had ";

/// The report with the plugin's changes of settings tried by `again`, which
/// decides the same login by other policies. A change that changes nothing is
/// left out.
pub(super) fn tried(report: Report, policies: &[Policy], again: &dyn Fn(&[Policy]) -> Report) -> Report {
    let Some(told) = report.counterfactual.as_deref() else { return report };
    let deciding = deciding(&report);
    let Some(ambient) = policies.get(deciding).map(|it| it.plugin.ambient()) else { return report };
    let until = ambient.monotonic() + TIME;
    let mut trial = Trial { policies, again, of: report.policies.len(), tries: TRIES, ambient, until };
    let (mut words, mut hints): (Vec<&str>, Vec<Hint>) = (Vec::new(), Vec::new());
    for sentence in sentences(told) {
        match settings_of(sentence) {
            None => words.push(sentence),
            Some((settings, note)) => {
                let found = trial.change(deciding, &settings, note, report.decision.kind());
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

/// The place of the policy that has decided.
fn deciding(report: &Report) -> usize {
    report.policies.iter().rposition(|it| it.decision != "not asked").unwrap_or_default()
}

struct Trial<'a> {
    policies: &'a [Policy<'a>],
    again: &'a dyn Fn(&[Policy]) -> Report,
    /// How many policies the report tells of.
    of: usize,
    tries: usize,
    ambient: &'a Ambient,
    until: Monotonic,
}

impl Trial<'_> {
    /// Decides with the change, and with what the plugin then tells of on top,
    /// until the decision is another.
    fn change(&mut self, index: usize, settings: &Map<String, Value>, note: &str, now: &str) -> Option<Hint> {
        let policy = self.policies.get(index)?;
        let mut notes: Vec<String> = vec![note.to_owned()];
        let mut settings = settings.clone();
        loop {
            if self.tries == 0 || self.ambient.monotonic() > self.until {
                return None;
            }
            self.tries -= 1;
            let document = over(policy.settings.text(), &settings)?;
            // One that the plugin would not take cannot be pasted.
            if !matches!(policy.plugin.check_settings(document.text()), Ok(Ok(()))) {
                return None;
            }
            let mut policies = self.policies.to_vec();
            policies[index] = Policy { settings: &document, ..*policy };
            let report = (self.again)(&policies);
            if report.failure.is_some() {
                return None;
            }
            if report.decision.kind() != now {
                let name = (self.of > 1).then(|| policy.name.to_owned());
                notes.retain(|note| !note.is_empty());
                let note = (!notes.is_empty()).then(|| notes.join(" "));
                return Some(Hint {
                    policy: name,
                    settings,
                    decision: report.decision.kind().to_owned(),
                    note,
                });
            }
            let told = report.counterfactual.unwrap_or_default();
            let (more, note) = sentences(&told).find_map(settings_of)?;
            let before = settings.clone();
            settings.extend(more);
            if settings == before {
                return None;
            }
            notes.push(note.to_owned());
        }
    }
}

/// The settings with these members in place of their own.
fn over(text: &str, members: &Map<String, Value>) -> Option<Settings> {
    let mut document: Map<String, Value> = serde_json::from_str(text).ok()?;
    document.extend(members.clone());
    Some(Settings::new(Value::Object(document).to_string()))
}

/// The sentences that begin with `If`, each with what follows it up to the next.
fn sentences(told: &str) -> impl Iterator<Item = &str> {
    let mut rest = told;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // Texts within settings may hold anything.
        let behind = settings_in(rest).map_or(0, |(_, _, behind)| rest.len() - behind.len());
        let end = rest[behind..].find(". If ").map_or(rest.len(), |at| behind + at + 1);
        let (sentence, others) = rest.split_at(end);
        rest = others.trim_start();
        Some(sentence)
    })
}

/// The settings of a sentence that can be tried, and what is said behind it.
fn settings_of(sentence: &str) -> Option<(Map<String, Value>, &str)> {
    let (before, settings, behind) = settings_in(sentence)?;
    let note = behind.split_once(". ").map_or("", |it| it.1);
    (before == TRIABLE).then_some((settings, note))
}

/// The first JSON object of a text, and what stands before and behind it.
fn settings_in(text: &str) -> Option<(&str, Map<String, Value>, &str)> {
    let (before, from) = text.split_at(text.find('{')?);
    // It belongs to another sentence.
    if before.contains(". If ") {
        return None;
    }
    let mut read = serde_json::Deserializer::from_str(from).into_iter();
    let settings = read.next()?.ok()?;
    Some((before, settings, &from[read.byte_offset()..]))
}

#[cfg(test)]
mod tests {
    use super::{sentences, settings_of};

    #[test]
    fn sentences_and_settings_are_told_apart() {
        let told = r#"If the other account were not blocked, so. If the settings had {"a. If b":["}"]}, so. Only if x. If c, so."#;
        let found: Vec<&str> = sentences(told).collect();
        assert_eq!(
            found,
            [
                "If the other account were not blocked, so.",
                r#"If the settings had {"a. If b":["}"]}, so. Only if x."#,
                "If c, so."
            ]
        );
        let (settings, note) = settings_of(found[1]).unwrap();
        assert_eq!(
            (serde_json::to_string(&settings).unwrap().as_str(), note),
            (r#"{"a. If b":["}"]}"#, "Only if x.")
        );
        assert!(settings_of(found[0]).is_none());
        assert!(settings_of(r#"If x and the settings had {"a":1}, so."#).is_none());
        assert!(settings_of("If the settings had {broken").is_none());
    }
}
