//! `ligature schema`.

use anyhow::anyhow;
use clap::ValueEnum;

use super::plugin::PluginArgs;
use super::{CommandResult, Exit, print_json};
use crate::ambient::Ambient;
use crate::harness::{Report, case_schema};
use crate::limits::Limits;
use crate::model::LoginEvent;
use crate::terminal::Json;

/// Print the JSON Schema of a file or output of Ligature
///
/// Prints a JSON Schema (2020-12), generated from the types that read and write the data.
/// Editors use it to complete and check files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature schema case > case.schema.json")]
pub(super) struct Args {
    /// The kind of file or output
    kind: SchemaKind,
    #[command(flatten)]
    plugin: PluginArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaKind {
    /// A case file
    Case,
    /// The plugin's policy document
    Policy,
    /// A post-login event
    Event,
    /// The output of `run --json`
    Outcome,
    /// The table `[limits]` of `tenant.toml` and of a limits file
    Limits,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        let schema = match self.kind {
            SchemaKind::Case => to_pretty_json(&case_schema()),
            SchemaKind::Event => to_pretty_json(&schemars::schema_for!(LoginEvent)),
            SchemaKind::Outcome => to_pretty_json(&schemars::schema_for!(Report)),
            SchemaKind::Limits => to_pretty_json(&schemars::schema_for!(Limits)),
            SchemaKind::Policy => self.policy(ambient),
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
                to_pretty_json(&schema)
            }
        }
    }
}

fn to_pretty_json(schema: &impl serde::Serialize) -> Result<Json, Exit> {
    Json::pretty(schema).map_err(Exit::failed)
}
