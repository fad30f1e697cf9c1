//! Bodies in JSON.

use serde::de::{self, MapAccess};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// An object in which no property appears twice: it would be unclear which of them
/// others have read.
pub(crate) struct Object(pub(crate) Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("type object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut body = Map::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if body.insert(key.clone(), value).is_some() {
                        return Err(de::Error::custom(format_args!("the property {key} appears twice")));
                    }
                }
                Ok(Object(body))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use crate::tenant::http::json_object::Object;

    #[test]
    fn a_property_stands_once() {
        let read = |text| serde_json::from_str::<Object>(text).map(|Object(body)| body.len());
        assert_eq!(read(r#"{"a": 1, "b": {"a": 2}}"#).unwrap(), 2);
        let error = read(r#"{"a": 1, "a": 1}"#).unwrap_err().to_string();
        assert!(error.starts_with("the property a appears twice at line 1"), "{error}");
        assert!(read("[1]").unwrap_err().to_string().contains("expected type object"));
    }
}
