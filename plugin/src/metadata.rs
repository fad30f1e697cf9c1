//! What becomes of the secondary's metadata.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object's members, with their values as they were written. No map:
/// there are few of them, and every login reads them anew.
#[derive(Default)]
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl Members<'_> {
    fn have(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known == key)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// The keys of `secondary` that `primary` lacks, as a patch for the primary;
/// none if there is nothing to write. Both are JSON objects; anything else
/// counts as an empty one, which writes nothing.
#[must_use]
pub fn fill_absent(primary: Option<&str>, secondary: Option<&str>) -> Option<String> {
    let offered = members(secondary?);
    let kept = primary.map(members).unwrap_or_default();
    let mut patch = String::new();
    for (key, value) in offered.0.iter().filter(|(key, _)| !kept.have(key)) {
        patch.push(if patch.is_empty() { '{' } else { ',' });
        patch.push_str(&serde_json::to_string(key).ok()?);
        patch.push(':');
        patch.push_str(value.get());
    }
    if patch.is_empty() {
        return None;
    }
    patch.push('}');
    Some(patch)
}

fn members(text: &str) -> Members<'_> {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::fill_absent;

    #[test]
    fn what_the_primary_lacks_is_filled_in() {
        assert_eq!(fill_absent(Some(r#"{"a":1}"#), Some(r#"{"b":[2]}"#)).as_deref(), Some(r#"{"b":[2]}"#));
    }

    #[test]
    fn the_primary_keeps_what_it_has_even_null() {
        assert_eq!(fill_absent(Some(r#"{"a":null}"#), Some(r#"{"a":2}"#)), None);
    }

    #[test]
    fn nothing_to_say_is_nothing_to_write() {
        assert_eq!(fill_absent(None, Some("{}")), None);
        assert_eq!(fill_absent(Some("{}"), Some("not json")), None);
    }
}
