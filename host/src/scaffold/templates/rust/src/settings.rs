//! The policy document. The doc comments are the descriptions in its JSON Schema.

use serde::{Deserialize, Deserializer};

/// Settings of {{name}}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The action of the policy if two accounts may be linked.
    #[serde(deserialize_with = "mode")]
    pub(crate) mode: Mode,
}

/// The action of the policy if two accounts may be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Only reports the action of `link`.
    #[default]
    Observe,
    /// Links them.
    Link,
}

/// Reports any other value with the same message, whether it is a string or not.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`mode`: expected \"observe\" or \"link\"")]
enum Given {
    Mode(Mode),
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
    Given::deserialize(deserializer).map(|Given::Mode(mode)| mode)
}

impl ligature_policy::Settings for Settings {
    fn schema() -> String {
        include_str!("../settings.schema.json").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use ligature_policy::Settings as _;

    use super::{Mode, Settings};

    /// `UPDATE_SCHEMA=1 cargo test` writes the file again.
    #[test]
    fn the_schema_is_of_the_settings() {
        ligature_policy::testing::assert_schema::<Settings>("settings.schema.json");
    }

    #[test]
    fn the_default_links_nothing() {
        assert_eq!(Settings::read_and_check("{}").unwrap().mode, Mode::Observe);
    }

    #[test]
    fn a_misspelt_key_is_told_at_its_place() {
        let error = Settings::read_and_check("{\n  \"mdoe\": \"link\"\n}").unwrap_err();
        assert_eq!((error.line, error.column), (2, 8));
        assert!(error.message.ends_with("; did you mean `mode`?"), "{}", error.message);
    }

    #[test]
    fn any_other_mode_is_told_what_modes_are() {
        for mode in ["\"lnk\"", "null", "7", "{}"] {
            let error = Settings::read_and_check(&format!("{{ \"mode\": {mode} }}")).unwrap_err();
            assert_eq!(error.message, "`mode`: expected \"observe\" or \"link\"", "{mode}");
        }
    }
}
