//! `ligature new`.

use std::path::Path;

use super::{Exit, Outcome, print, print_json};
use crate::scaffold::{Language, Project, ProjectName};
use crate::terminal::{Json, Text};

/// Write the first files of a policy of one's own
///
/// Writes the first files of a policy of one's own, in a new folder of its
/// name: the source, the contract, two cases with their snapshots, and what CI
/// runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature new my-policy --lang js")]
pub(super) struct Args {
    /// The policy's name, which is the new folder's
    #[arg(value_parser = ProjectName::parse)]
    name: ProjectName,
    /// The language to write it in
    #[arg(long, value_enum, value_name = "rust|js|python|c")]
    lang: Language,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self) -> Outcome {
        let name = self.name.kebab().to_owned();
        let project = Project::new(self.name, self.lang)?;
        project.write(Path::new(""))?;
        if self.json {
            let commands: Vec<String> = project.commands().lines().map(str::to_owned).collect();
            let written = serde_json::json!({ "folder": name, "commands": commands });
            return print_json(&Json::pretty(&written).map_err(Exit::failed)?);
        }
        let mut text = Text::one(format!("{name}/ is written. Next, as its README.md says:"));
        text.line("");
        text.line(format!("    cd {name}"));
        for command in project.commands().lines() {
            text.line(format!("    {command}"));
        }
        print(&text)
    }
}
