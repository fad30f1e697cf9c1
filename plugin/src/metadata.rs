//! Merging of the secondary's metadata into the primary's.

mod union;

use ligature_link_policy::{MetadataRule, MetadataRules};
use ligature_linking_marks::PROTECTED;

use crate::json::{Element, Key, OnPair, Pair, Reader, UnexpectedForm, are_equal, to_canonical, visit_pairs};

/// The metadata of both accounts, and which account is newer.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The primary's, a JSON object.
    pub primary: Option<&'a str>,
    /// The secondary's, a JSON object.
    pub secondary: Option<&'a str>,
    /// Whether the secondary is the newer account.
    pub secondary_is_newer: bool,
}

/// The result of a merge: the change of the primary's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// A first-level patch for the primary, a JSON object; none if there is
    /// nothing to write.
    pub patch: Option<String>,
    /// Whether something of the secondary is lost.
    pub drops: bool,
    /// The first key that must be equal and differs, if there is one.
    pub conflict: Option<String>,
}

/// The depth down to which objects are merged below the first level. Below it, the
/// primary's value stays: a plugin's stack is small.
const DEPTH: usize = 32;

/// Merges the metadata of two accounts by the rules of the policy.
#[must_use]
pub fn merge(sides: &Sides, rules: &MetadataRules) -> Merged {
    let Some(secondary) = sides.secondary.filter(|text| *text != "{}") else { return Merged::default() };
    if rules.default == MetadataRule::Drop && rules.keys.is_empty() {
        return Merged { drops: holds_more_than_marks(secondary).unwrap_or(true), ..Merged::default() };
    }
    let newest =
        if sides.secondary_is_newer { MetadataRule::SecondaryWins } else { MetadataRule::PrimaryWins };
    let rule = |key: &Key| {
        let by_key = if rules.keys.is_empty() { None } else { rules.keys.get(key.name().as_ref()) };
        let rule = *by_key.unwrap_or(&rules.default);
        if rule == MetadataRule::NewestWins { newest } else { rule }
    };
    let primary = sides.primary.unwrap_or("{}");
    merge_by_rule(primary, secondary, &rule)
        .or_else(|UnexpectedForm| {
            merge_by_rule(&to_canonical(primary, DEPTH), &to_canonical(secondary, DEPTH), &rule)
        })
        .unwrap_or_default()
}

fn merge_by_rule(
    primary: &str,
    secondary: &str,
    rule: &dyn Fn(&Key) -> MetadataRule,
) -> Result<Merged, UnexpectedForm> {
    let mut merged = Merged::default();
    // Most patches are members of the secondary.
    let mut patch = Patch { text: Vec::with_capacity(secondary.len()), ..Patch::default() };
    visit_pairs_of_texts(primary, secondary, &mut |pair, kept, offered| {
        match pair {
            Pair::First(_) => {}
            Pair::Second { .. } if is_own(&offered.key) => {}
            Pair::Second { .. } if rule(&offered.key) == MetadataRule::Drop => merged.drops = true,
            Pair::Second { member, .. } => patch.member(member),
            Pair::Both => {
                let key = kept.key;
                let (rule, is_own) = (rule(&key), is_own(&key));
                let are_arrays = kept.here() == b'[' && offered.here() == b'[';
                if !is_own && (rule == MetadataRule::Deep || rule == MetadataRule::UnionArrays && are_arrays)
                {
                    patch.member(key.written);
                    return patch.merged(kept, offered);
                }
                let (kept, offered) = (kept.value()?, offered.value()?);
                if rule == MetadataRule::SecondaryWins && !is_own {
                    patch.member(key.written);
                    patch.text.extend_from_slice(offered);
                } else if (rule == MetadataRule::MustEqual || !merged.drops) && !are_equal(kept, offered) {
                    merged.drops |= !is_own;
                    if rule == MetadataRule::MustEqual && merged.conflict.is_none() {
                        merged.conflict = Some(key.name().into_owned());
                    }
                }
            }
        }
        Ok(())
    })?;
    merged.patch = patch.close()?;
    Ok(merged)
}

fn holds_more_than_marks(text: &str) -> Result<bool, UnexpectedForm> {
    let mut reader = Reader::new(text);
    let mut is_there = reader.open()?;
    while is_there {
        if !is_own(&reader.key) {
            return Ok(true);
        }
        reader.skip()?;
        is_there = reader.next()?;
    }
    Ok(false)
}

/// Returns whether a key is a mark of the host or the tenant, which is about one
/// account only.
fn is_own(key: &Key) -> bool {
    PROTECTED.iter().any(|mark| mark.as_bytes() == key.raw())
}

/// An object with a patch's keys written over its own.
#[must_use]
pub fn apply_patch(object: Option<&str>, patch: &str) -> String {
    let object = object.unwrap_or("{}");
    overlay(object, patch)
        .or_else(|UnexpectedForm| overlay(&to_canonical(object, 0), &to_canonical(patch, 0)))
        .unwrap_or_default()
}

fn overlay(under: &str, over: &str) -> Result<String, UnexpectedForm> {
    let mut object = Patch::default();
    visit_pairs_of_texts(under, over, &mut |pair, under, over| {
        match pair {
            Pair::First(member) | Pair::Second { member, .. } => object.member(member),
            Pair::Both => {
                under.skip()?;
                object.member(over.key.written);
                object.text.extend_from_slice(over.value()?);
            }
        }
        Ok(())
    })?;
    Ok(object.close()?.unwrap_or_else(|| "{}".to_owned()))
}

/// The first key that must be equal and differs, if there is one.
#[must_use]
pub fn find_conflict(sides: &Sides, rules: &MetadataRules) -> Option<String> {
    if can_conflict(rules) { merge(sides, rules).conflict } else { None }
}

/// Returns whether these rules require some key to be equal.
#[must_use]
pub fn can_conflict(rules: &MetadataRules) -> bool {
    rules.default == MetadataRule::MustEqual || rules.keys.has_must_equal()
}

/// Reads two whole texts side by side.
fn visit_pairs_of_texts<'a>(
    first: &'a str,
    second: &'a str,
    each: OnPair<'_, 'a>,
) -> Result<(), UnexpectedForm> {
    let (mut first, mut second) = (Reader::new(first), Reader::new(second));
    visit_pairs(&mut first, &mut second, each)?;
    first.finish()?;
    second.finish()
}

/// A patch that is being written.
#[derive(Default)]
struct Patch<'a> {
    text: Vec<u8>,
    /// The offset up to which the primary's text has been copied.
    copied: usize,
    /// The elements of two arrays that are being joined; kept for the next two.
    elements: [Vec<Element<'a>>; 2],
}

impl<'a> Patch<'a> {
    /// Writes a member, or its key only.
    fn member(&mut self, text: &[u8]) {
        self.text.push(if self.text.is_empty() { b'{' } else { b',' });
        self.text.extend_from_slice(text);
    }

    /// The object; none if nothing was written.
    fn close(mut self) -> Result<Option<String>, UnexpectedForm> {
        if self.text.is_empty() {
            return Ok(None);
        }
        self.text.push(b'}');
        String::from_utf8(self.text).map(Some).map_err(|_| UnexpectedForm)
    }

    /// Writes two values merged deeply: the primary's, with the members that only the
    /// secondary has.
    ///
    /// Source: the rule "link users by email with metadata", as it meant to merge:
    /// lodash 3's `merge` with arrays concatenated, the primary's first.
    fn merged(&mut self, kept: &mut Reader<'a>, offered: &mut Reader<'a>) -> Result<(), UnexpectedForm> {
        self.copied = kept.at;
        self.deep(kept, offered, DEPTH)?;
        self.copy(kept, kept.at);
        Ok(())
    }

    fn copy(&mut self, kept: &Reader<'a>, to: usize) {
        self.text.extend_from_slice(kept.text.get(self.copied..to).unwrap_or_default());
        self.copied = to;
    }

    fn deep(
        &mut self,
        kept: &mut Reader<'a>,
        offered: &mut Reader<'a>,
        levels: usize,
    ) -> Result<(), UnexpectedForm> {
        match (kept.here(), offered.here()) {
            (b'[', b'[') => self.joined(kept, offered),
            (b'{', b'{') if levels > 0 => visit_pairs(kept, offered, &mut |pair, kept, offered| {
                match pair {
                    Pair::First(_) => {}
                    Pair::Both => return self.deep(kept, offered, levels - 1),
                    Pair::Second { member, place, is_last } => {
                        self.copy(kept, place);
                        // No member ends with an opening brace.
                        if is_last && !self.text.ends_with(b"{") {
                            self.text.push(b',');
                        }
                        self.text.extend_from_slice(member);
                        if !is_last {
                            self.text.push(b',');
                        }
                    }
                }
                Ok(())
            }),
            _ => {
                kept.skip()?;
                offered.skip()
            }
        }
    }

    /// Appends the secondary's elements that the primary lacks to the primary's.
    fn joined(&mut self, kept: &mut Reader<'a>, offered: &mut Reader<'a>) -> Result<(), UnexpectedForm> {
        let Self { text, copied, elements: [known, more] } = self;
        kept.elements(known)?;
        offered.elements(more)?;
        let end = kept.at - 1;
        union::visit_new(known, more, &mut |element| {
            text.extend_from_slice(kept.text.get(*copied..end).unwrap_or_default());
            *copied = end;
            // No element ends with an opening bracket.
            if !text.ends_with(b"[") {
                text.push(b',');
            }
            text.extend_from_slice(element);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ligature_link_policy::{MetadataKeys, MetadataRule, MetadataRules};

    use super::{Sides, find_conflict, merge};

    fn rules(default: MetadataRule) -> MetadataRules {
        MetadataRules { default, keys: MetadataKeys::default() }
    }

    fn apply_patch(rule: MetadataRule, primary: &str, secondary: &str) -> Option<String> {
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
            assert_eq!(apply_patch(rule, kept, offered).as_deref(), expected, "{rule:?}");
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
        assert_eq!(apply_patch(MetadataRule::PrimaryWins, "{}", big).as_deref(), Some(big));
    }

    #[test]
    fn the_variant_of_the_rule_joins_arrays_as_lodash_3_did() {
        assert_eq!(
            apply_patch(MetadataRule::Deep, r#"{"a":[9]}"#, r#"{"a":[1,2,3]}"#).as_deref(),
            Some(r#"{"a":[9,1,2,3]}"#)
        );
    }

    #[test]
    fn what_is_about_one_account_stays_there() {
        let marks = r#"{"linking":{"prompts":1},"no_link":false,"privileged":false,"x":1}"#;
        assert_eq!(apply_patch(MetadataRule::SecondaryWins, "{}", marks).as_deref(), Some(r#"{"x":1}"#));
    }

    #[test]
    fn marks_are_not_dropped_for_they_stay_with_their_account() {
        let drops = |secondary| {
            let sides = Sides { primary: None, secondary: Some(secondary), secondary_is_newer: true };
            merge(&sides, &rules(MetadataRule::Drop)).drops
        };
        assert!(!drops(r#"{"linking":{"prompts":1},"no_link":false}"#));
        assert!(drops(r#"{"linking":{},"plan":"pro"}"#) && drops("{ }") && drops("[]"));
    }

    #[test]
    fn nothing_to_say_is_nothing_to_write() {
        assert_eq!(apply_patch(MetadataRule::PrimaryWins, "{}", "{}"), None);
        assert_eq!(apply_patch(MetadataRule::PrimaryWins, "{}", "not json"), None);
        assert_eq!(apply_patch(MetadataRule::PrimaryWins, r#"{"a":null}"#, r#"{"a":2}"#), None);
    }

    #[test]
    fn keys_that_must_be_equal_are_compared_by_value() {
        let by_key = MetadataRules {
            default: MetadataRule::Drop,
            keys: BTreeMap::from([("id".to_owned(), MetadataRule::MustEqual)]).into(),
        };
        let of = |primary, secondary| {
            find_conflict(
                &Sides { primary: Some(primary), secondary: Some(secondary), secondary_is_newer: false },
                &by_key,
            )
        };
        assert_eq!(of(r#"{"id":1}"#, r#"{"id":2}"#).as_deref(), Some("id"));
        assert_eq!(of(r#"{"id":{"a":1}}"#, r#"{"id":{ "a" : 1 }}"#), None);
        assert_eq!(of("{}", r#"{"id":2}"#), None);
    }
}
