//! Names of roles, in the forms in which tenants keep them in metadata.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Names from a text, a list of texts or of objects with a `name`, or the keys
/// of an object. Anything else names no role.
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
        deserializer.deserialize_any(Roles { names: &mut names, in_list: false })?;
        Ok(Self(names))
    }
}

/// One value that names roles, or an element of a list of them.
struct Roles<'a> {
    names: &'a mut Vec<String>,
    in_list: bool,
}

impl<'de> serde::de::DeserializeSeed<'de> for Roles<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Roles<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of roles")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.names.push(name.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.in_list {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while list.next_element_seed(Roles { names: self.names, in_list: true })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(key) = object.next_key::<String>()? {
            if !self.in_list {
                object.next_value::<IgnoredAny>()?;
                self.names.push(key);
            } else if key == "name" {
                object.next_value_seed(Roles { names: self.names, in_list: true })?;
            } else {
                object.next_value::<IgnoredAny>()?;
            }
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
