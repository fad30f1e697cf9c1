//! JSON objects whose values are kept as they were written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object's members, in order, with their values as they were written.
/// No map and no tree of values: there are few members, every login reads them
/// anew, and numbers keep all their digits.
#[derive(Debug, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The members of an object; anything else counts as an empty one.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of this key, as it was written.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.get())
    }

    /// Every key and its value as it was written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value.get()))
    }

    /// An object with the keys of `over` written over those of `under`.
    #[must_use]
    pub fn overlay(under: &Members, over: &Members) -> String {
        let mut written = Writer::default();
        for (key, value) in under.iter() {
            written.member(key, over.get(key).unwrap_or(value));
        }
        for (key, value) in over.iter().filter(|(key, _)| under.get(key).is_none()) {
            written.member(key, value);
        }
        written.finish().unwrap_or_else(|| "{}".to_owned())
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A key, borrowed where it has no escapes. serde's own `Cow` never borrows.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Writes a JSON object, member by member.
#[derive(Debug, Default)]
pub struct Writer(String);

impl Writer {
    /// Writes a member; the value is JSON text.
    pub fn member(&mut self, key: &str, value: &str) {
        // Text is always JSON.
        let Ok(key) = serde_json::to_string(key) else { return };
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&key);
        self.0.push(':');
        self.0.push_str(value);
    }

    /// The object; none if nothing was written.
    #[must_use]
    pub fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}
