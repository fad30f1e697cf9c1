//! The memory that the values of a store take.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::model::User;

/// The overhead of an entry in bytes, besides its value: its name, kept twice, and its places in
/// the tables of the cache.
const ENTRY: usize = 256;

/// A value whose memory use is known.
pub(crate) trait Weighed {
    /// Returns the bytes that the value holds beyond its own size: the lengths of its texts, and
    /// the size of everything that a sender may repeat.
    fn bytes(&self) -> usize;
}

/// Returns the weight of an entry, for a store that is bounded in bytes.
pub(crate) fn weight<T: Weighed>(name: &str, value: &T) -> u32 {
    u32::try_from(ENTRY + 2 * name.len() + size_of::<T>() + value.bytes()).unwrap_or(u32::MAX)
}

impl<T: Weighed> Weighed for Arc<T> {
    fn bytes(&self) -> usize {
        size_of::<T>() + T::bytes(self)
    }
}

impl Weighed for String {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl<T: Weighed> Weighed for Option<T> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, T::bytes)
    }
}

impl<T: Weighed> Weighed for Vec<T> {
    fn bytes(&self) -> usize {
        self.iter().map(|it| size_of::<T>() + it.bytes()).sum()
    }
}

impl Weighed for Value {
    fn bytes(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Array(values) => values.bytes(),
            Self::Object(map) => map.bytes(),
            Self::Number(number) => number.to_string().len(),
            Self::Null | Self::Bool(_) => 0,
        }
    }
}

impl Weighed for Map<String, Value> {
    fn bytes(&self) -> usize {
        // A node of the tree, besides key and value.
        const NODE: usize = size_of::<(String, Value)>() + 16;
        self.iter().map(|(key, value)| NODE + key.len() + value.bytes()).sum()
    }
}

impl Weighed for User {
    fn bytes(&self) -> usize {
        let identities: usize = (self.identities.iter())
            .map(|it| {
                let texts = it.provider.len() + it.user_id.len() + it.connection.len();
                size_of_val(it) + texts + it.profile_data.bytes()
            })
            .sum();
        self.user_id.len() + self.email.bytes() + identities + self.rest.bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tenant::store::weight::{Weighed, weight};

    #[test]
    fn what_is_nested_weighs_more_than_its_text() {
        let text = "[".repeat(100) + &"]".repeat(100);
        let nested: Value = serde_json::from_str(&text).unwrap();
        assert!(nested.bytes() >= 99 * size_of::<Value>());
        assert!(json!({ "a": { "b": "c" } }).bytes() > 3 + 2 * size_of::<Value>());
        assert!(weight("name", &"x".repeat(5000)) > 5256);
    }
}
