//! What becomes of the secondary's metadata.

use std::borrow::Cow;

use link_policy::members::{Members, Writer};
use link_policy::{MetadataRule, MetadataRules};
use serde_json::value::RawValue;

/// One side's metadata, and whether it was written last.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The primary's, a JSON object.
    pub primary: Option<&'a str>,
    /// The secondary's, a JSON object.
    pub secondary: Option<&'a str>,
    /// Whether the secondary is the newer account.
    pub secondary_is_newer: bool,
}

/// What the rules write to the primary.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// A first-level patch for the primary, a JSON object; none if there is
    /// nothing to write.
    pub patch: Option<String>,
    /// Whether something of the secondary is lost.
    pub drops: bool,
}

/// Merges by the rules.
#[must_use]
pub fn merge(sides: &Sides, rules: &MetadataRules) -> Merged {
    let Some(secondary) = sides.secondary.filter(|text| *text != "{}") else { return Merged::default() };
    if rules.default == MetadataRule::Drop && rules.keys.is_empty() {
        return Merged { patch: None, drops: true };
    }
    let (secondary, primary) = (Members::of(secondary), Members::of(sides.primary.unwrap_or_default()));
    let mut patch = Writer::default();
    let mut drops = false;
    for (key, offered) in secondary.iter() {
        // What the host and the policy keep there is about one account only.
        if matches!(key, "linking" | "no_link" | "privileged") {
            continue;
        }
        match written(rule(rules, key), primary.get(key), offered, sides.secondary_is_newer) {
            Some(value) => patch.member(key, &value),
            None => drops |= primary.get(key) != Some(offered),
        }
    }
    Merged { patch: patch.finish(), drops }
}

/// An object with a patch's keys written over its own.
#[must_use]
pub fn patched(object: Option<&str>, patch: &str) -> String {
    Members::overlay(&Members::of(object.unwrap_or_default()), &Members::of(patch))
}

/// The first key that must be equal and differs, if there is one.
#[must_use]
pub fn conflict(sides: &Sides, rules: &MetadataRules) -> Option<String> {
    let any = rules.default == MetadataRule::MustEqual
        || rules.keys.values().any(|it| *it == MetadataRule::MustEqual);
    let (Some(primary), Some(secondary), true) = (sides.primary, sides.secondary, any) else { return None };
    let (primary, secondary) = (Members::of(primary), Members::of(secondary));
    let differs = |key: &str, offered: &str| {
        rule(rules, key) == MetadataRule::MustEqual
            && primary.get(key).is_some_and(|kept| !same(kept, offered))
    };
    secondary.iter().find(|(key, offered)| differs(key, offered)).map(|(key, _)| key.to_owned())
}

fn rule(rules: &MetadataRules, key: &str) -> MetadataRule {
    rules.keys.get(key).copied().unwrap_or(rules.default)
}

/// What the rule writes over what the primary has, if anything.
fn written<'a>(
    rule: MetadataRule,
    kept: Option<&str>,
    offered: &'a str,
    secondary_is_newer: bool,
) -> Option<Cow<'a, str>> {
    let taken = Some(Cow::Borrowed(offered));
    let Some(kept) = kept else {
        return if rule == MetadataRule::Drop { None } else { taken };
    };
    match rule {
        MetadataRule::Drop | MetadataRule::PrimaryWins | MetadataRule::MustEqual => None,
        MetadataRule::SecondaryWins => taken,
        MetadataRule::NewestWins => taken.filter(|_| secondary_is_newer),
        MetadataRule::UnionArrays => joined(kept, offered).map(Cow::Owned),
        MetadataRule::Deep => Some(Cow::Owned(deep(kept, offered, DEPTH))),
    }
}

/// How deeply objects are merged; what lies below is the primary's. A plugin's
/// stack is small, and metadata that deep is nobody's.
const DEPTH: usize = 32;

/// Source: the rule "link users by email with metadata", as it meant to merge:
/// lodash 3's `merge` with arrays concatenated, the primary's first.
fn deep(kept: &str, offered: &str, depth: usize) -> String {
    if let Some(joined) = joined(kept, offered) {
        return joined;
    }
    if depth == 0 || !(kept.starts_with('{') && offered.starts_with('{')) {
        return kept.to_owned();
    }
    let (kept, offered) = (Members::of(kept), Members::of(offered));
    let mut merged = Writer::default();
    for (key, value) in kept.iter() {
        match offered.get(key) {
            Some(offered) => merged.member(key, &deep(value, offered, depth - 1)),
            None => merged.member(key, value),
        }
    }
    for (key, value) in offered.iter().filter(|(key, _)| kept.get(key).is_none()) {
        merged.member(key, value);
    }
    merged.finish().unwrap_or_else(|| "{}".to_owned())
}

/// The primary's values first, each once; none if they are not both arrays.
fn joined(kept: &str, offered: &str) -> Option<String> {
    if !(kept.starts_with('[') && offered.starts_with('[')) {
        return None;
    }
    let (mut values, more): (Vec<&RawValue>, Vec<&RawValue>) =
        (serde_json::from_str(kept).ok()?, serde_json::from_str(offered).ok()?);
    for value in more {
        if !values.iter().any(|known| same(known.get(), value.get())) {
            values.push(value);
        }
    }
    let texts: Vec<&str> = values.iter().map(|value| value.get()).collect();
    Some(format!("[{}]", texts.join(",")))
}

/// Whether two JSON texts are one but for white space.
fn same(a: &str, b: &str) -> bool {
    a == b || compact(a) == compact(b)
}

fn compact(text: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let kept = |c: &char| {
        let keep = in_text || !c.is_ascii_whitespace();
        (in_text, escaped) = match *c {
            _ if escaped => (in_text, false),
            '\\' => (in_text, in_text),
            '"' => (!in_text, false),
            _ => (in_text, false),
        };
        keep
    };
    text.chars().filter(kept).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use link_policy::{MetadataRule, MetadataRules};

    use super::{Sides, conflict, merge};

    fn rules(default: MetadataRule) -> MetadataRules {
        MetadataRules { default, keys: BTreeMap::new() }
    }

    fn patched(rule: MetadataRule, primary: &str, secondary: &str) -> Option<String> {
        let sides = Sides { primary: Some(primary), secondary: Some(secondary), secondary_is_newer: true };
        merge(&sides, &rules(rule)).patch
    }

    #[test]
    fn each_rule_writes_what_it_says() {
        let (kept, offered) = (r#"{"a":1,"l":[9]}"#, r#"{"a":2,"b":[2],"l":[1,9]}"#);
        let cases = [
            (MetadataRule::PrimaryWins, Some(r#"{"b":[2]}"#)),
            (MetadataRule::SecondaryWins, Some(r#"{"a":2,"b":[2],"l":[1,9]}"#)),
            (MetadataRule::NewestWins, Some(r#"{"a":2,"b":[2],"l":[1,9]}"#)),
            (MetadataRule::UnionArrays, Some(r#"{"b":[2],"l":[9,1]}"#)),
            (MetadataRule::Deep, Some(r#"{"a":1,"b":[2],"l":[9,1]}"#)),
            (MetadataRule::MustEqual, Some(r#"{"b":[2]}"#)),
            (MetadataRule::Drop, None),
        ];
        for (rule, expected) in cases {
            assert_eq!(patched(rule, kept, offered).as_deref(), expected, "{rule:?}");
        }
    }

    #[test]
    fn the_older_side_does_not_win_as_the_newest() {
        let sides =
            Sides { primary: Some(r#"{"a":1}"#), secondary: Some(r#"{"a":2}"#), secondary_is_newer: false };
        assert_eq!(merge(&sides, &rules(MetadataRule::NewestWins)).patch, None);
    }

    #[test]
    fn values_are_written_as_they_stood() {
        let big = r#"{"n":12345678901234567890123,"f":1.50}"#;
        assert_eq!(patched(MetadataRule::PrimaryWins, "{}", big).as_deref(), Some(big));
    }

    #[test]
    fn the_variant_of_the_rule_joins_arrays_as_lodash_3_did() {
        assert_eq!(
            patched(MetadataRule::Deep, r#"{"a":[9]}"#, r#"{"a":[1,2,3]}"#).as_deref(),
            Some(r#"{"a":[9,1,2,3]}"#)
        );
    }

    #[test]
    fn what_is_about_one_account_stays_there() {
        let marks = r#"{"linking":{"prompts":1},"no_link":false,"privileged":false,"x":1}"#;
        assert_eq!(patched(MetadataRule::SecondaryWins, "{}", marks).as_deref(), Some(r#"{"x":1}"#));
    }

    #[test]
    fn nothing_to_say_is_nothing_to_write() {
        assert_eq!(patched(MetadataRule::PrimaryWins, "{}", "{}"), None);
        assert_eq!(patched(MetadataRule::PrimaryWins, "{}", "not json"), None);
        assert_eq!(patched(MetadataRule::PrimaryWins, r#"{"a":null}"#, r#"{"a":2}"#), None);
    }

    #[test]
    fn keys_that_must_be_equal_are_compared_by_value() {
        let by_key = MetadataRules {
            default: MetadataRule::Drop,
            keys: BTreeMap::from([("id".to_owned(), MetadataRule::MustEqual)]),
        };
        let of = |primary, secondary| {
            conflict(
                &Sides { primary: Some(primary), secondary: Some(secondary), secondary_is_newer: false },
                &by_key,
            )
        };
        assert_eq!(of(r#"{"id":1}"#, r#"{"id":2}"#).as_deref(), Some("id"));
        assert_eq!(of(r#"{"id":{"a":1}}"#, r#"{"id":{ "a" : 1 }}"#), None);
        assert_eq!(of("{}", r#"{"id":2}"#), None);
    }
}
