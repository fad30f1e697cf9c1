//! `ligature schema`.

use anyhow::anyhow;
use clap::ValueEnum;

use super::plugin::PluginArgs;
use super::{Exit, Outcome, print_json};
use crate::ambient::Ambient;
use crate::harness::{Report, case_schema};
use crate::limits::Limits;
use crate::model::LoginEvent;
use crate::terminal::Json;

/// Print the JSON Schema of what Ligature reads and writes
///
/// Prints a JSON Schema (2020-12), made from the types that do the reading and
/// writing. Editors use it to complete and check files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature schema case > case.schema.json")]
pub(super) struct Args {
    /// Of what
    of: What,
    #[command(flatten)]
    plugin: PluginArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// A case file
    Case,
    /// The plugin's policy document
    Policy,
    /// A post-login event
    Event,
    /// What `run --json` prints
    Outcome,
    /// The table `[limits]` of `tenant.toml` and of the file of --limits
    Limits,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        let schema = match self.of {
            What::Case => pretty(&case_schema()),
            What::Event => pretty(&schemars::schema_for!(LoginEvent)),
            What::Outcome => pretty(&schemars::schema_for!(Report)),
            What::Limits => pretty(&schemars::schema_for!(Limits)),
            What::Policy => self.policy(ambient),
        }?;
        print_json(&schema)
    }

    fn policy(&self, ambient: &Ambient) -> Result<Json, Exit> {
        let sandbox = self.plugin.sandbox(ambient)?;
        let plugin = self.plugin.load(&sandbox)?;
        let name = plugin.name();
        match plugin.settings_schema() {
            Err(failure) => {
                Err(Exit::failed(anyhow!("plugin {name} {failure}, asked for its policy's schema")))
            }
            Ok(None) => Err(Exit::unreadable(anyhow!("plugin {name} does not describe its policy document"))),
            Ok(Some(text)) => {
                let schema: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
                    Exit::failed(anyhow!("plugin {name} gave a schema that is not JSON: {error}"))
                })?;
                pretty(&schema)
            }
        }
    }
}

fn pretty(schema: &impl serde::Serialize) -> Result<Json, Exit> {
    Json::pretty(schema).map_err(Exit::failed)
}
