//! The presets: policy documents, as anybody could write them.

use crate::Preset;

impl Preset {
    /// The document that the preset stands for.
    ///
    /// Source of the first two: `auth0/rules`, `link-users-by-email` and its
    /// variant with metadata, as they were when withdrawn on 2020-05-07.
    #[must_use]
    pub fn document(self) -> &'static str {
        match self {
            Self::Auth0Rule => include_str!("../presets/auth0-rule.json"),
            Self::Auth0RuleWithMetadata => include_str!("../presets/auth0-rule-with-metadata.json"),
            Self::Strict => include_str!("../presets/strict.json"),
        }
    }
}
