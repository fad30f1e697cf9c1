//! `ligature new`.

use std::path::Path;

use super::{CommandResult, Exit, print, print_json};
use crate::scaffold::{Language, Project, ProjectName};
use crate::terminal::{Json, Text};

/// Create a project for a new policy
///
/// Creates a project for a new policy in a new folder with its name: the source, the
/// contract, two cases with their snapshots, and a CI workflow.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature new my-policy --lang js")]
pub(super) struct Args {
    /// The name of the policy and of the new folder
    #[arg(value_parser = ProjectName::parse)]
    name: ProjectName,
    /// The programming language
    #[arg(long, value_enum, value_name = "rust|js|python|c")]
    lang: Language,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self) -> CommandResult {
        let name = self.name.kebab().to_owned();
        let project = Project::new(self.name, self.lang)?;
        project.write(Path::new(""))?;
        if self.json {
            let commands: Vec<String> = project.next_commands().lines().map(str::to_owned).collect();
            let written = serde_json::json!({ "folder": name, "commands": commands });
            return print_json(&Json::pretty(&written).map_err(Exit::failed)?);
        }
        let mut text = Text::from_line(format!("{name}/ is written. Next, as its README.md says:"));
        text.line("");
        text.line(format!("    cd {name}"));
        for command in project.next_commands().lines() {
            text.line(format!("    {command}"));
        }
        print(&text)
    }
}
