//! The rules for the secondary's metadata.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::choice;
use crate::names::ByName;

/// The rules for the secondary's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Metadata {
    /// `user_metadata`. By default `primary_wins`.
    #[serde(deserialize_with = "choice::deserialize_object")]
    pub user: MetadataRules,
    /// `app_metadata`. By default `drop`: what an administrator gave to one
    /// account is not given to another by a login.
    #[serde(deserialize_with = "choice::deserialize_object")]
    pub app: MetadataRules,
}

impl Default for Metadata {
    fn default() -> Self {
        let rules = |default| MetadataRules { default, keys: MetadataKeys::default() };
        Self { user: rules(MetadataRule::PrimaryWins), app: rules(MetadataRule::Drop) }
    }
}

/// Rules for the keys of one metadata object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct MetadataRules {
    /// For every key that is not listed.
    #[serde(default = "drop_rule")]
    pub default: MetadataRule,
    /// For single keys.
    #[serde(default)]
    pub keys: MetadataKeys,
}

fn drop_rule() -> MetadataRule {
    MetadataRule::Drop
}

/// Rules for single keys. With an index, finding one costs the same among any number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<String, MetadataRule>")]
pub struct MetadataKeys {
    rules: ByName<MetadataRule>,
    has_must_equal: bool,
}

impl From<BTreeMap<String, MetadataRule>> for MetadataKeys {
    fn from(rules: BTreeMap<String, MetadataRule>) -> Self {
        let has_must_equal = rules.values().any(|rule| *rule == MetadataRule::MustEqual);
        Self { rules: rules.into(), has_must_equal }
    }
}

impl MetadataKeys {
    /// Builds the index.
    pub(crate) fn index(&mut self) {
        self.rules.index();
    }

    /// Returns the rule for this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&MetadataRule> {
        self.rules.get(key)
    }

    /// Returns whether a key has to be equal.
    #[must_use]
    pub fn has_must_equal(&self) -> bool {
        self.has_must_equal
    }

    /// Returns whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The keys and their rules, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &MetadataRule)> {
        self.rules.iter()
    }
}

choice! {
    /// The rule for one key of the secondary's metadata.
    MetadataRule {
        /// Taken over where the primary lacks it.
        PrimaryWins "primary_wins",
        /// Taken over.
        SecondaryWins "secondary_wins",
        /// Taken over if the secondary was updated later, or the primary lacks
        /// it.
        NewestWins "newest_wins",
        /// Both arrays joined, the primary's first, each value once; otherwise
        /// as `primary_wins`.
        UnionArrays "union_arrays",
        /// Merged deeply: the primary's value wins, arrays are joined.
        Deep "deep",
        /// No link if both have it and it differs; otherwise as `primary_wins`.
        MustEqual "must_equal",
        /// Not taken over.
        Drop "drop",
    }
}
