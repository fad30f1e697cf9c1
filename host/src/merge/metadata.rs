//! The metadata that the account that stays takes over.

use ligature_linking_marks::PROTECTED;
use serde::{Deserialize, Serialize};

use crate::model::{Metadata, find_prototype_key};

/// A rule for the first-level metadata keys of the removed account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetadataRule {
    /// No key is taken over, as at Auth0.
    #[default]
    Keep,
    /// Keys that the remaining account lacks are taken over.
    Fill,
    /// All keys are taken over.
    Take,
}

/// The effect of a rule, by the names of the keys, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MetadataEffect {
    /// The keys of the account that stays, which keep their values.
    pub stays: Vec<String>,
    /// The keys that it lacks and takes over.
    pub taken: Vec<String>,
    /// The keys whose values are replaced.
    pub overwritten: Vec<String>,
    /// The keys of the account that goes, which are not taken over.
    pub left: Vec<String>,
}

/// Returns the effect of a rule, and the patch that the link writes. Marks (`docs/marks.md`) are
/// never taken over by choice, and neither is a key that changes an object's prototype.
pub(super) fn plan_metadata(
    kept: Option<&Metadata>,
    moved: Option<&Metadata>,
    rule: MetadataRule,
) -> (MetadataEffect, Option<Metadata>) {
    let (mut change, mut patch) = (MetadataEffect::default(), Metadata::new());
    for (key, value) in moved.into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let is_known = kept.is_some_and(|kept| kept.contains_key(key));
        let may_be_taken = !PROTECTED.contains(&key.as_str()) && find_prototype_key(key, value).is_none();
        let is_same = kept.is_some_and(|kept| kept.get(key) == Some(value));
        match rule {
            _ if is_same => {}
            MetadataRule::Fill | MetadataRule::Take if may_be_taken && !is_known => {
                change.taken.push(key.clone())
            }
            MetadataRule::Take if may_be_taken => change.overwritten.push(key.clone()),
            MetadataRule::Keep | MetadataRule::Fill | MetadataRule::Take => {
                change.left.push(key.clone());
                continue;
            }
        }
        if !is_same {
            patch.insert(key.clone(), value.clone());
        }
    }
    let stays = kept.into_iter().flatten().map(|(key, _)| key.clone());
    change.stays = stays.filter(|key| !change.overwritten.contains(key)).collect();
    (change, (!patch.is_empty()).then_some(patch))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{MetadataEffect, MetadataRule, plan_metadata};
    use crate::model::Metadata;

    fn object(value: Value) -> Metadata {
        serde_json::from_value(value).unwrap()
    }

    fn planned(rule: MetadataRule) -> (MetadataEffect, Option<Value>) {
        let kept = object(json!({ "theme": "dark", "lang": "en", "linking": { "prompts": 1 } }));
        let moved = object(json!({
            "theme": "light", "lang": "en", "plan": "pro", "none": null, "linking": { "opt_out": true },
            "no_link": true, "deep": { "__proto__": 1 },
        }));
        let (change, patch) = plan_metadata(Some(&kept), Some(&moved), rule);
        (change, patch.map(Value::Object))
    }

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn keep_takes_nothing_over() {
        let (change, patch) = planned(MetadataRule::Keep);
        assert_eq!(patch, None);
        assert_eq!(change.left, keys(&["deep", "linking", "no_link", "plan", "theme"]));
        assert_eq!(change.stays, keys(&["lang", "linking", "theme"]));
    }

    #[test]
    fn fill_adds_only_keys_that_are_absent() {
        let (change, patch) = planned(MetadataRule::Fill);
        assert_eq!(patch, Some(json!({ "plan": "pro" })));
        assert_eq!(change.taken, keys(&["plan"]));
        assert_eq!(change.left, keys(&["deep", "linking", "no_link", "theme"]));
    }

    #[test]
    fn take_overwrites_and_says_so() {
        let (change, patch) = planned(MetadataRule::Take);
        assert_eq!(patch, Some(json!({ "plan": "pro", "theme": "light" })));
        assert_eq!((change.taken, change.overwritten), (keys(&["plan"]), keys(&["theme"])));
        assert_eq!(change.stays, keys(&["lang", "linking"]));
    }

    #[test]
    fn marks_are_never_chosen() {
        for rule in [MetadataRule::Keep, MetadataRule::Fill, MetadataRule::Take] {
            let patch = planned(rule).1.unwrap_or_default();
            assert!(patch.get("no_link").is_none() && patch.get("linking").is_none(), "{rule:?}");
        }
    }

    #[test]
    fn an_account_without_metadata_takes_all_over() {
        let moved = object(json!({ "plan": "pro" }));
        let (change, patch) = plan_metadata(None, Some(&moved), MetadataRule::Fill);
        assert_eq!((change.taken, patch), (keys(&["plan"]), Some(moved)));
        assert_eq!(plan_metadata(None, None, MetadataRule::Take), (MetadataEffect::default(), None));
    }
}
