//! Faults of settings documents, with their places.

use ligature_policy::{Invalid, NoSettings, Settings, SettingsError};
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Example {
    mode: Mode,
    days: u32,
    domains: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Observe,
    Auto,
}

impl Default for Example {
    fn default() -> Self {
        Self { mode: Mode::Observe, days: 90, domains: Vec::new() }
    }
}

impl Settings for Example {
    fn schema() -> String {
        String::new()
    }

    fn check(&self) -> Result<(), Invalid> {
        match self.days {
            0 => Err(Invalid::new("days", "at least 1")),
            _ => Ok(()),
        }
    }
}

fn error(document: &str) -> (u32, u32, String) {
    let SettingsError { line, column, message } = Example::read_and_check(document).expect_err("an error");
    (line, column, message)
}

fn at(line: u32, column: u32, message: &str) -> (u32, u32, String) {
    (line, column, message.to_owned())
}

#[test]
fn a_key_that_is_left_out_has_its_default() {
    assert_eq!(Example::read_and_check("{}"), Ok(Example::default()));
    assert_eq!(Example::read_and_check(r#" { "mode": "auto" }"#).unwrap().mode, Mode::Auto);
}

#[test]
fn a_misspelt_key_is_told_with_the_nearest_one() {
    assert_eq!(
        error("{\n  \"mode\": \"auto\",\n  \"domain\": []\n}"),
        at(
            3,
            10,
            "unknown field `domain`, expected one of `mode`, `days`, `domains`; did you mean `domains`?"
        )
    );
    assert_eq!(
        error("{\"colour\": 1}"),
        at(1, 9, "unknown field `colour`, expected one of `mode`, `days`, `domains`")
    );
}

#[test]
fn a_value_of_another_kind_is_told_at_its_place() {
    assert_eq!(
        error("{\n \"mode\": \"aut\"\n}"),
        at(2, 14, "unknown variant `aut`, expected `observe` or `auto`; did you mean `auto`?")
    );
    assert_eq!(error("{\"days\": \"x\"}"), at(1, 12, "invalid type: string \"x\", expected u32"));
    assert_eq!(error("{\"days\": 1, \"days\": 2}"), at(1, 18, "duplicate field `days`"));
}

#[test]
fn what_is_no_object_is_no_settings() {
    for text in ["", "[]", "[\"auto\", 1, []]", "null", "\"{}\"", "3"] {
        assert_eq!(error(text), at(1, 1, "the settings are an object: `{ … }`"), "{text}");
    }
    assert_eq!(error("{\n\"mode\""), at(2, 6, "EOF while parsing an object"));
    assert_eq!(error("{} {}"), at(1, 4, "trailing characters"));
}

#[test]
fn a_value_that_is_checked_is_told_at_its_key() {
    assert_eq!(error("{\n  \"domains\": [], \"days\": 0 }"), at(2, 18, "`days`: at least 1"));
    assert_eq!(Example::parse("{\"days\": 0}").unwrap().days, 0, "a login does not check");
}

#[test]
fn no_settings_take_every_document() {
    assert_eq!(NoSettings::read_and_check("{}"), Ok(NoSettings {}));
    assert_eq!(NoSettings::read_and_check(r#"{"mode": "auto"}"#), Ok(NoSettings {}));
    assert!(NoSettings::schema().contains("2020-12"));
}
