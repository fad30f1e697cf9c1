//! `ligature inspect`.

use std::path::PathBuf;

use super::plugin::{PluginArgs, load_error, while_compiling};
use super::{CommandResult, Exit, print, print_json};
use crate::ambient::Ambient;
use crate::harness::group_thousands;
use crate::limits::Limits;
use crate::sandbox::{CONTRACT, Direction, Inspection};
use crate::terminal::{Json, Text, bad, dim, good, head, line};

/// Show a plugin's imports and exports, and whether it loads
///
/// Shows a plugin's imports and exports, whether this host offers the imports and uses
/// the exports, and whether the plugin loads.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature inspect my-policy.wasm --wasi virtual")]
pub(super) struct Args {
    /// The component; the built-in policy by default
    #[arg(value_name = "FILE", conflicts_with = "plugin")]
    file: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(mut self, ambient: &Ambient) -> CommandResult {
        if let Some(file) = self.file.take() {
            self.plugin.use_file(file);
        }
        let sandbox = self.plugin.sandbox(ambient)?;
        let (name, bytes) = self.plugin.read_component(sandbox.limits())?;
        let inspection = while_compiling(&name, || sandbox.inspect(&name, &bytes))
            .map_err(|error| load_error(&name, &error))?;
        if self.json {
            print_json(&Json::pretty(&inspection).map_err(Exit::failed)?)?;
        } else {
            print(&format_table(&inspection, sandbox.limits()))?;
        }
        if inspection.refused.is_some() { Err(Exit::silently(super::UNREADABLE)) } else { Ok(()) }
    }
}

fn format_table(inspection: &Inspection, limits: &Limits) -> Text {
    let mut text = Text::from_line(head(&inspection.name));
    let contract = inspection.contract.as_deref().unwrap_or("none");
    text.line(line!["  contract  ", contract, " ", dim(format!("(this host: {CONTRACT})"))]);
    text.line(format!("  size      {} bytes", group_thousands(inspection.size_bytes as u64)));
    text.line(format!("  sha256    {}", inspection.sha256));
    for (direction, title) in [(Direction::Import, "Imports"), (Direction::Export, "Exports")] {
        text.head(title);
        for item in inspection.items.iter().filter(|item| item.direction == direction) {
            let met = match (direction, item.met) {
                (Direction::Import, true) => good("offered"),
                (Direction::Import, false) => bad("not offered"),
                (Direction::Export, true) => good("used"),
                (Direction::Export, false) => dim("not used"),
            };
            let functions = match item.not_offered.as_slice() {
                [] => String::new(),
                functions => format!(": {}", functions.join(", ")),
            };
            text.line(line![format!("  {:<44} ", item.name), met, functions]);
        }
    }
    text.head("Requires at least");
    let needs = &inspection.needs;
    for (what, wanted, limit) in [
        ("instances", needs.instances, limits.instances),
        ("memories", needs.memories, limits.memories),
        ("memory_bytes", needs.memory_bytes, limits.memory_bytes),
        ("tables", needs.tables, limits.tables),
        ("table_elements", needs.table_elements, limits.table_elements),
        ("functions", needs.functions, limits.functions),
        ("globals", needs.globals, limits.globals),
        ("interfaces", needs.interfaces, limits.interfaces),
        ("stack_bytes", needs.stack_bytes, limits.stack_bytes),
    ] {
        let row = format!("  {what:<16}{} of {}", group_thousands(wanted), group_thousands(limit as u64));
        text.line(if wanted > limit as u64 { line![bad(row)] } else { line![row] });
    }
    text.line("");
    text.line(match &inspection.refused {
        None => line![good("it loads")],
        Some(why) => line![bad("it does not load"), ": it ", why],
    });
    text
}
