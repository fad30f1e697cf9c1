//! Reading values of several forms.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::{TrustedConnection, TrustedDetail};

/// Defines an enum of texts. One small function reads all of them: serde's derived
/// code for each would take 3 KB of the component.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
        pub enum $name {
            $($(#[$case_doc])* #[cfg_attr(feature = "schema", serde(rename = $text))] $case,)+
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                const TEXTS: &[&str] = &[$($text),+];
                const CASES: &[$name] = &[$($name::$case),+];
                $crate::choice::read_choice(deserializer, TEXTS).map(|index| CASES[index])
            }
        }
    };
}

/// Reads a text and returns its index in the list.
pub(crate) fn read_choice<'de, D: Deserializer<'de>>(
    deserializer: D,
    texts: &'static [&'static str],
) -> Result<usize, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let index = texts.iter().position(|known| *known == text);
    index.ok_or_else(|| Error::unknown_variant(&shorten(&text), texts))
}

/// Returns the beginning of a text of any length.
fn shorten(text: &str) -> Cow<'_, str> {
    const LONG: usize = 60;
    match text.char_indices().nth(LONG) {
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

/// Reads an object. A derived serde reader accepts a list for the values in their
/// order, and an empty one for the defaults.
pub(crate) fn deserialize_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

impl<'de> Deserialize<'de> for TrustedConnection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrDetail;

        impl<'de> Visitor<'de> for NameOrDetail {
            type Value = TrustedConnection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a connection's name, or an object with `name` or `strategy`, and `domains`")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(TrustedConnection::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                TrustedDetail::deserialize(MapAccessDeserializer::new(map)).map(TrustedConnection::Detailed)
            }
        }

        deserializer.deserialize_any(NameOrDetail)
    }
}
