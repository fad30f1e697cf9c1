//! Deserialization of JSON objects that keep their unknown fields.
//!
//! serde's `flatten` does the same, but it loses the position of an error in the file
//! and accepts duplicate keys.

/// Implements `Deserialize` for a struct whose last field `rest` takes every unlisted
/// key. The first list holds required fields. Fields of the second list take their
/// `Default` if they are absent or `null`. Fields under `as_it_stands` deserialize a
/// `null` themselves. An optional method of the struct post-processes the value.
macro_rules! open_object {
    ($type:ident, $expecting:literal, {
        $($required:ident $required_key:literal,)*
    } {
        $($optional:ident $optional_key:literal,)*
    } $(as_it_stands { $($raw:ident $raw_key:literal,)* })? $(, $finish:ident)?) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$type, A::Error> {
                        use serde::de::Error;
                        $(let mut $required = None;)*
                        $(let mut $optional = None;)*
                        $($(let mut $raw = None;)*)?
                        let mut rest = serde_json::Map::new();
                        while let Some(key) = map.next_key::<String>()? {
                            match key.as_str() {
                                $($required_key => {
                                    if $required.replace(map.next_value()?).is_some() {
                                        return Err(A::Error::duplicate_field($required_key));
                                    }
                                })*
                                $($optional_key => {
                                    if $optional.replace(map.next_value::<Option<_>>()?).is_some() {
                                        return Err(A::Error::duplicate_field($optional_key));
                                    }
                                })*
                                $($($raw_key => {
                                    if $raw.replace(map.next_value()?).is_some() {
                                        return Err(A::Error::duplicate_field($raw_key));
                                    }
                                })*)?
                                _ => {
                                    let value = map.next_value()?;
                                    if rest.contains_key(&key) {
                                        return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
                                    }
                                    rest.insert(key, value);
                                }
                            }
                        }
                        let read = $type {
                            $($required: $required.ok_or_else(|| A::Error::missing_field($required_key))?,)*
                            $($optional: $optional.flatten().unwrap_or_default(),)*
                            $($($raw: $raw.unwrap_or_default(),)*)?
                            rest,
                        };
                        $(let read = read.$finish();)?
                        Ok(read)
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}

pub(super) use open_object;
