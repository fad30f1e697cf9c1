//! The files that `ligature serve --init` writes.

use crate::tenant::config::content::Config;

/// The configuration that `ligature serve --init` writes; `{secret}` stands for a random secret.
const TEMPLATE: &str = include_str!("../tenant.toml");

/// The policy that `ligature serve --init` writes beside the configuration. It links the template's
/// accounts or asks about them at every attempt.
const POLICY: &str = include_str!("../policy.json");

impl Config {
    /// Returns the file that `--init` writes, with fresh secrets.
    #[must_use]
    pub fn template(secret: impl Fn() -> String) -> String {
        let mut parts = TEMPLATE.split("{secret}");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            text.push_str(&secret());
            text.push_str(part);
        }
        text
    }

    /// Returns the policy that `--init` writes.
    #[must_use]
    pub fn template_policy() -> &'static str {
        POLICY
    }
}
