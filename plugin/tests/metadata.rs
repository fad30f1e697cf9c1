//! The rules for metadata, on any two objects, against a slow model over trees of
//! values, and on texts that the host does not write.

use ligature_linking_marks::PROTECTED;
use std::collections::BTreeMap;

use ligature_link_policy::{MetadataKeys, MetadataRule, MetadataRules};
use link_users_by_email::metadata::{Merged, Sides, apply_patch, find_conflict, merge};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

const RULES: [MetadataRule; 7] = [
    MetadataRule::PrimaryWins,
    MetadataRule::SecondaryWins,
    MetadataRule::NewestWins,
    MetadataRule::UnionArrays,
    MetadataRule::Deep,
    MetadataRule::MustEqual,
    MetadataRule::Drop,
];

/// The patch and whether something of the secondary is lost.
fn model(sides: (&Object, &Object), rules: &MetadataRules, secondary_is_newer: bool) -> (Object, bool) {
    let (primary, secondary) = sides;
    let (mut patch, mut drops) = (Object::new(), false);
    for (key, offered) in secondary {
        if PROTECTED.contains(&key.as_str()) {
            continue;
        }
        let value = match (rules.keys.get(key).unwrap_or(&rules.default), primary.get(key)) {
            (MetadataRule::Drop, _) => None,
            (_, None) | (MetadataRule::SecondaryWins, _) => Some(offered.clone()),
            (MetadataRule::NewestWins, _) => secondary_is_newer.then(|| offered.clone()),
            (MetadataRule::UnionArrays, Some(Value::Array(kept))) => {
                offered.as_array().map(|offered| union(kept, offered))
            }
            (MetadataRule::Deep, Some(kept)) => Some(deep(kept, offered)),
            _ => None,
        };
        match value {
            Some(value) => drop(patch.insert(key.clone(), value)),
            None => drops |= primary.get(key) != Some(offered),
        }
    }
    (patch, drops)
}

fn union(kept: &[Value], offered: &[Value]) -> Value {
    let mut values = kept.to_vec();
    for value in offered {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    Value::Array(values)
}

fn deep(kept: &Value, offered: &Value) -> Value {
    match (kept, offered) {
        (Value::Array(kept), Value::Array(offered)) => union(kept, offered),
        (Value::Object(kept), Value::Object(offered)) => {
            let mut merged = kept.clone();
            for (key, offered) in offered {
                let value = kept.get(key).map_or_else(|| offered.clone(), |kept| deep(kept, offered));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        _ => kept.clone(),
    }
}

/// Few different keys, so that the sides have some in common; enough to be more
/// than are compared one by one.
fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(&["a", "b", "c", "aa", "ab", "", "linking", "no_link", "ä", "\"", "\\u0061", "a\nb"][..])
            .prop_map(str::to_owned),
        2 => (0_u8..40).prop_map(|number| format!("key{number}")),
        1 => "\\PC{0,3}",
        1 => any::<char>().prop_map(String::from),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..12).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-9_i32..9).prop_map(|number| Value::from(f64::from(number) / 4.0)),
        any_key().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..16).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..12)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Object> {
    prop::collection::vec((any_key(), any_value()), 0..12).prop_map(|members| members.into_iter().collect())
}

/// Generates both sides. The second is often similar to the first.
fn any_sides() -> impl Strategy<Value = (Object, Object)> {
    (any_object(), any_object(), prop::collection::vec(any::<bool>(), 24)).prop_map(
        |(first, mut second, shared)| {
            let shared = first.iter().zip(shared).filter(|(_, is_shared)| *is_shared);
            second.extend(shared.map(|((key, value), _)| (key.clone(), value.clone())));
            (first, second)
        },
    )
}

fn any_rules() -> impl Strategy<Value = MetadataRules> {
    let keys = prop::collection::btree_map(any_key(), select(&RULES[..]), 0..3);
    (select(&RULES[..]), prop_oneof![2 => Just(BTreeMap::new()), 1 => keys])
        .prop_map(|(default, keys)| MetadataRules { default, keys: keys.into() })
}

/// The object as JSON, with white space or without.
fn written(object: &Object, spaced: bool) -> String {
    let text = if spaced { serde_json::to_string_pretty(object) } else { serde_json::to_string(object) };
    text.expect("an object is JSON")
}

fn read(text: &str) -> Object {
    serde_json::from_str(text).expect("an object")
}

fn merged(rule: MetadataRule, primary: &str, secondary: &str) -> Option<String> {
    let rules = MetadataRules { default: rule, keys: MetadataKeys::default() };
    merge(&Sides { primary: Some(primary), secondary: Some(secondary), secondary_is_newer: true }, &rules)
        .patch
}

#[test]
fn no_depth_is_too_deep() {
    for depth in [1, 33, 34, 35, 127, 100_000] {
        let nested = |open: &str, value: &str, close: &str| {
            format!("{{\"a\":{}{value}{}}}", open.repeat(depth), close.repeat(depth))
        };
        for rule in RULES {
            let _ = merged(rule, &nested("[", "1", "]"), &nested("[", "2", "]"));
            let _ = merged(rule, &nested("[", "", ""), &nested("", "", "]"));
        }
        let patch =
            merged(MetadataRule::Deep, &nested("{\"a\":", "[1]", "}"), &nested("{\"a\":", "[2]", "}"));
        let joined = if depth < 33 { "[1,2]" } else { "[1]" };
        assert_eq!(patch, Some(nested("{\"a\":", joined, "}")), "{depth}");
    }
}

#[test]
fn of_members_with_one_key_the_last_counts() {
    let twice = r#"{"b":1,"a":1,"\u0061":2,"a":3}"#;
    assert_eq!(merged(MetadataRule::SecondaryWins, r#"{"c":1}"#, twice).as_deref(), Some(r#"{"a":3,"b":1}"#));
    assert_eq!(merged(MetadataRule::MustEqual, twice, r#"{"a":3}"#), None);
    assert_eq!(
        merged(MetadataRule::Deep, &format!(r#"{{"o":{twice}}}"#), r#"{"o":{"c":1,"a":4}}"#).as_deref(),
        Some(r#"{"o":{"a":3,"b":1,"c":1}}"#)
    );
}

#[test]
fn a_text_of_another_writer_is_written_anew_but_for_its_numbers() {
    let text = r#"{ "\u00e4" : [ 1.50 , 12345678901234567890123 ] ,"b":"\/","c": { "x" : -0.0E+1 }}"#;
    assert_eq!(
        merged(MetadataRule::SecondaryWins, "{}", text).as_deref(),
        Some(r#"{"b":"\/","c":{"x":-0.0E+1},"ä":[1.50,12345678901234567890123]}"#)
    );
    assert_eq!(
        merged(MetadataRule::UnionArrays, r#"{"ä":[[ 1 ], 2.0 ]}"#, r#"{"\u00e4": [ [1] ,2,"x y", 2.0]}"#)
            .as_deref(),
        Some(r#"{"ä":[[1],2.0,2,"x y"]}"#)
    );
}

/// A line feed comes before a space, and its escape behind it; a backslash comes
/// before a letter, and a quote behind an exclamation mark.
#[test]
fn keys_have_the_order_of_what_their_escapes_stand_for() {
    let (kept, offered) = (
        r#"{"\u0001":1,"\n":1,"a\"":1,"a\\b":1,"aa":1}"#,
        r#"{"\n":2," ":2,"a!":2,"a\"":2,"a\\c":2,"aa":2}"#,
    );
    assert_eq!(
        merged(MetadataRule::Deep, &format!(r#"{{"o":{kept}}}"#), &format!(r#"{{"o":{offered}}}"#))
            .as_deref(),
        Some(r#"{"o":{"\u0001":1,"\n":1," ":2,"a!":2,"a\"":1,"a\\b":1,"a\\c":2,"aa":1}}"#)
    );
    assert_eq!(
        merged(MetadataRule::PrimaryWins, kept, offered).as_deref(),
        Some(r#"{" ":2,"a!":2,"a\\c":2}"#)
    );
}

#[test]
fn long_keys_differ_wherever_they_do() {
    let names =
        ["aaaaaa", "aaaaaaa", "aaaaaaaa", "aaaaaaab", "aaaaaab", "aaaaaabaaaaaaaa", "aaaaaabaaaaaaaab"];
    let object = |names: &[&str], value: u8| {
        let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    for (place, _) in names.iter().enumerate() {
        let mut others = names.to_vec();
        let name = others.remove(place);
        assert_eq!(
            merged(MetadataRule::PrimaryWins, &object(&others, 1), &object(&names, 2)),
            Some(object(&[name], 2))
        );
    }
}

#[test]
fn what_is_about_one_account_cannot_hide_behind_an_escape() {
    assert_eq!(
        merged(MetadataRule::SecondaryWins, "{}", r#"{"no\u005flink":true,"priv\u0069leged":1}"#),
        None
    );
}

#[test]
fn a_text_that_is_no_object_is_an_empty_one() {
    for odd in [
        "",
        " ",
        "{",
        "}",
        "{}}",
        "[]",
        "null",
        "1",
        "\"a\"",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1}x"#,
        r#"{"a" 1}"#,
        r#"{"a":"1}"#,
        r#"{"a":"\"#,
        r#"{"a\":1}"#,
        r#"{"a":[1}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":1{}}"#,
        r#"{"a":{"b":1}"#,
        r#"{"a":1 "b":2}"#,
        "{\"a\":1,\"\u{1}\":2}}",
        r#"{a:1}"#,
    ] {
        for rule in [MetadataRule::SecondaryWins, MetadataRule::Deep, MetadataRule::UnionArrays] {
            assert_eq!(merged(rule, r#"{"a":[2],"z":{}}"#, odd), None, "{odd}");
            assert_eq!(merged(rule, odd, r#"{"a":[2]}"#).as_deref(), Some(r#"{"a":[2]}"#), "{odd}");
        }
        assert_eq!(apply_patch(Some(odd), r#"{"a":2}"#), r#"{"a":2}"#, "{odd}");
        assert_eq!(apply_patch(None, odd), "{}", "{odd}");
    }
}

#[test]
fn members_are_put_in_wherever_they_belong() {
    let deep = |kept: &str, offered: &str| {
        merged(MetadataRule::Deep, &format!(r#"{{"o":{kept}}}"#), &format!(r#"{{"o":{offered}}}"#))
            .and_then(|patch| Some(patch.strip_prefix(r#"{"o":"#)?.strip_suffix('}')?.to_owned()))
    };
    let cases = [
        ("{}", r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"b":1}"#, r#"{"a":2,"c":3}"#, r#"{"a":2,"b":1,"c":3}"#),
        (r#"{"b":{}}"#, r#"{"b":{"x":[]},"c":{}}"#, r#"{"b":{"x":[]},"c":{}}"#),
        (
            r#"{"a":[],"b":[[]],"c":1}"#,
            r#"{"a":[1,1],"b":[[],{}],"c":[1]}"#,
            r#"{"a":[1],"b":[[],{}],"c":1}"#,
        ),
        ("[1,1]", "[]", "[1,1]"),
        ("[12345678]", "[123456789,1234567,12345678]", "[12345678,123456789,1234567]"),
        ("[123456789]", "[12345678,123456780]", "[123456789,12345678,123456780]"),
        ("[]", "[]", "[]"),
    ];
    for (kept, offered, expected) in cases {
        assert_eq!(deep(kept, offered).as_deref(), Some(expected), "{kept} {offered}");
    }
}

/// The table that finds elements gives up on those that collide. Texts whose
/// product has the same upper bits are easily found.
#[test]
fn many_elements_are_joined_whatever_their_texts() {
    const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;
    let collides = |text: &String| {
        let head = u64::from_le_bytes(text.as_bytes().try_into().expect("eight bytes"));
        head.wrapping_mul(MIXER) >> 54 == 7
    };
    for texts in [
        (0..1_000_000)
            .map(|number| format!("\"{number:06}\""))
            .filter(|text| collides(text))
            .take(900)
            .collect(),
        (0..900).map(|number| number.to_string()).collect::<Vec<_>>(),
    ] {
        let (kept, offered) = (&texts[..600], &texts[300..]);
        let patch = merged(
            MetadataRule::UnionArrays,
            &format!(r#"{{"a":[{}]}}"#, kept.join(",")),
            &format!(r#"{{"a":[{},{}]}}"#, offered.join(","), offered.join(",")),
        );
        assert_eq!(patch, Some(format!(r#"{{"a":[{}]}}"#, texts.join(","))));
    }
}

proptest! {
    #[test]
    fn every_rule_does_what_its_model_does(
        (primary, secondary) in any_sides(),
        rules in any_rules(),
        spaced in any::<[bool; 2]>(),
        secondary_is_newer in any::<bool>(),
    ) {
        let texts = (written(&primary, spaced[0]), written(&secondary, spaced[1]));
        let sides = Sides { primary: Some(&texts.0), secondary: Some(&texts.1), secondary_is_newer };
        let Merged { patch, drops, .. } = merge(&sides, &rules);
        let patch = patch.as_deref().map(read);
        let (expected, lost) = model((&primary, &secondary), &rules, secondary_is_newer);
        prop_assert_ne!(patch.as_ref().map(Map::len), Some(0));
        prop_assert_eq!(patch.unwrap_or_default(), expected);
        // All is lost, whatever it is, where no value is looked at: only the keys
        // are, in a text as the host writes it.
        let looks = rules.default != MetadataRule::Drop || !rules.keys.is_empty() || secondary.is_empty();
        let holds_more = spaced[1] || secondary.keys().any(|key| !PROTECTED.contains(&key.as_str()));
        prop_assert_eq!(drops, if looks { lost } else { holds_more });
    }

    #[test]
    fn a_conflict_is_a_key_that_differs(
        (primary, secondary) in any_sides(),
        rules in any_rules(),
        spaced in any::<[bool; 2]>(),
    ) {
        let texts = (written(&primary, spaced[0]), written(&secondary, spaced[1]));
        let sides =
            Sides { primary: Some(&texts.0), secondary: Some(&texts.1), secondary_is_newer: false };
        let must_equal = |key: &String| *rules.keys.get(key).unwrap_or(&rules.default) == MetadataRule::MustEqual;
        let expected = secondary
            .iter()
            .find(|(key, value)| must_equal(key) && primary.get(*key).is_some_and(|kept| kept != *value));
        prop_assert_eq!(find_conflict(&sides, &rules), expected.map(|(key, _)| key.clone()));
    }

    #[test]
    fn a_patch_replaces_keys((object, patch) in any_sides(), spaced in any::<[bool; 2]>()) {
        let text = apply_patch(Some(&written(&object, spaced[0])), &written(&patch, spaced[1]));
        let mut expected = object;
        expected.extend(patch);
        prop_assert_eq!(read(&text), expected);
    }

    /// A text whose white space or brackets are spoilt counts as an empty object.
    #[test]
    fn a_text_with_a_spoilt_place_is_read_as_json(
        object in any_object(),
        spaced in any::<bool>(),
        (at, put) in (any::<prop::sample::Index>(), "[\\[\\]{}\",: \\t]{0,2}"),
    ) {
        let mut text = written(&object, spaced);
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = *at.get(&places);
        let end = text[at..].char_indices().nth(1).map_or(text.len(), |(length, _)| at + length);
        text.replace_range(at..end, &put);
        let readable = apply_patch(Some(r#"{"a":0}"#), &text);
        if let Ok(object) = serde_json::from_str::<Object>(&text) {
            let mut expected = read(r#"{"a":0}"#);
            expected.extend(object);
            prop_assert_eq!(read(&readable), expected);
        }
    }

    #[test]
    fn any_text_is_metadata(text in ".{0,40}|[\\[\\]{}\",:\\\\u0-9a-f.eE+-]{0,40}", rules in any_rules()) {
        for (primary, secondary) in [(text.as_str(), r#"{"a":1}"#), (r#"{"a":1}"#, text.as_str()), (&text, &text)] {
            let sides = Sides { primary: Some(primary), secondary: Some(secondary), secondary_is_newer: true };
            drop(find_conflict(&sides, &rules));
            drop(merge(&sides, &rules));
            drop(apply_patch(Some(primary), secondary));
        }
    }
}
