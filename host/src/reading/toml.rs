//! Reading of TOML texts.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::json::read_text;
use super::{InputError, display_path, place_behind, rewrite_message};

/// Reads a TOML file.
///
/// # Errors
///
/// When it cannot be read or is not of this form, with the place in it.
pub(crate) fn read_toml<T: DeserializeOwned>(file: &Path) -> Result<T, InputError> {
    read_toml_text(file, &read_text(file)?)
}

/// Reads an object or a table, and no list. serde's derived code takes a list for
/// the values in their order, and an empty list for the defaults.
///
/// # Errors
///
/// When it is another value.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

/// Reads a TOML text that came from `file`.
///
/// # Errors
///
/// Names line and column, and the nearest key if one is misspelt.
pub(crate) fn read_toml_text<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, InputError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let fault = |path: &str, error: &toml::de::Error| {
        let place = error.span().map(|span| place_behind(&text.as_bytes()[..span.start.min(text.len())]));
        let is_named = matches!(path, "" | "." | "?") || error.message().starts_with("unknown field");
        let at = if is_named { String::new() } else { format!("`{path}`: ") };
        InputError {
            file: display_path(file),
            place,
            message: format!("{at}{}", rewrite_message(error.message())),
        }
    };
    let parsed = toml::Deserializer::parse(text).map_err(|error| fault("", &error))?;
    serde_path_to_error::deserialize(parsed).map_err(|error| fault(&error.path().to_string(), error.inner()))
}
