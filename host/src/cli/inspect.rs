//! `ligature inspect`.

use std::fmt::Write;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};

use super::plugin::{PluginArgs, unloadable};
use super::{Exit, Outcome, print};
use crate::harness::thousands;
use crate::sandbox::{CONTRACT, Direction, Inspection};

/// Shows what a plugin imports and exports, held against what this host offers
/// and uses, and whether it would load.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature inspect my-policy.wasm --wasi virtual")]
pub(super) struct Args {
    /// The component; the built-in policy if left out
    #[arg(value_name = "FILE", conflicts_with = "plugin")]
    file: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

impl Args {
    pub(super) fn execute(mut self) -> Outcome {
        if let Some(file) = self.file.take() {
            self.plugin.use_file(file);
        }
        let sandbox = self.plugin.sandbox()?;
        let (name, bytes) = self.plugin.read(sandbox.limits())?;
        let inspection = sandbox.inspect(&name, &bytes).map_err(|error| unloadable(&name, &error))?;
        if self.json {
            let json = serde_json::to_string_pretty(&inspection).map_err(Exit::failed)?;
            print(&format!("{json}\n"))?;
        } else {
            print(&table(&inspection))?;
        }
        if inspection.refused.is_some() { Err(Exit { code: super::UNREADABLE, error: None }) } else { Ok(()) }
    }
}

fn table(inspection: &Inspection) -> String {
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments| {
        let _ = writeln!(text, "{args}");
    };
    line(format_args!("{HEAD}{}{HEAD:#}", inspection.name));
    line(format_args!(
        "  contract  {} {DIM}(this host: {CONTRACT}){DIM:#}",
        inspection.contract.as_deref().unwrap_or("none")
    ));
    line(format_args!("  size      {} bytes", thousands(inspection.size_bytes as u64)));
    line(format_args!("  sha256    {}", inspection.sha256));
    for (direction, title) in [(Direction::Import, "Imports"), (Direction::Export, "Exports")] {
        line(format_args!("\n{HEAD}{title}{HEAD:#}"));
        for item in inspection.items.iter().filter(|item| item.direction == direction) {
            let (style, word) = match (direction, item.met) {
                (Direction::Import, true) => (GOOD, "offered"),
                (Direction::Import, false) => (BAD, "not offered"),
                (Direction::Export, true) => (GOOD, "used"),
                (Direction::Export, false) => (DIM, "not used"),
            };
            line(format_args!("  {:<44} {style}{word}{style:#}", item.name));
        }
    }
    match &inspection.refused {
        None => line(format_args!("\n{GOOD}it loads{GOOD:#}")),
        Some(why) => line(format_args!("\n{BAD}it does not load{BAD:#}: it {why}")),
    }
    text
}
