//! Names of roles, in the forms in which tenants keep them in metadata.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Every word in a value: of texts, of the keys of objects, however deep. A
/// word too many asks the user once; one too few hides an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RoleNames(Vec<String>);

impl RoleNames {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for RoleNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut names = Vec::new();
        Words(&mut names).deserialize(deserializer)?;
        Ok(Self(names))
    }
}

struct Words<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Words<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Words<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of roles")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'));
        self.0.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Words(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while object.next_key_seed(Words(self.0))?.is_some() {
            object.next_value_seed(Words(self.0))?;
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}
