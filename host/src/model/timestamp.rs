//! Points in time, in Auth0's format.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time, in milliseconds. JSON holds it as RFC 3339 in UTC with three
/// decimals, as Auth0 does: `2026-11-21T10:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The time `millis` milliseconds after 1970-01-01T00:00:00Z; none if it is after the year
    /// 9999.
    #[must_use]
    pub fn from_millis(millis: u64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok().map(Self)
    }

    /// Returns the timestamp `days` days earlier, but not before 1970.
    #[must_use]
    pub fn days_ago(self, days: u32) -> Self {
        Self::from_millis(self.as_millis().saturating_sub(u64::from(days) * 86_400_000)).unwrap_or_default()
    }

    /// Truncates to the millisecond: the written form holds no more.
    fn truncate_to_millisecond(exact: jiff::Timestamp) -> Self {
        jiff::Timestamp::from_millisecond(exact.as_millisecond()).map_or(Self(exact), Self)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; 0 for anything before.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millisecond()).unwrap_or(0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self::truncate_to_millisecond)
            .map_err(|_| format!("`{text}` is not a time; expected one like 2026-11-21T10:00:00Z"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "examples": ["2026-11-21T10:00:00.000Z"] })
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn reads_rfc_3339_and_writes_as_auth0_does() {
        let read: Timestamp = "2023-01-25T20:00:58.788+01:00".parse().unwrap();
        assert_eq!(read.to_string(), "2023-01-25T19:00:58.788Z");
        let whole: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        assert_eq!(whole.to_string(), "2026-11-21T10:00:00.000Z");
        assert_eq!(whole.as_millis(), 1_795_255_200_000);
    }

    #[test]
    fn says_what_it_expected() {
        assert!("yesterday".parse::<Timestamp>().unwrap_err().contains("expected one like"));
    }
}
