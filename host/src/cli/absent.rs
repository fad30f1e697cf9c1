//! The commands that this build lacks, and the cargo features that add them.

use clap::error::{ContextKind, ContextValue};

use crate::terminal::{Text, bad, line};

/// A command of the program, and whether this build has it.
struct Feature {
    command: &'static str,
    is_built_in: bool,
    /// The cargo features that add it, as part of a sentence.
    features: &'static str,
}

const HAS_DATABASE: bool = cfg!(feature = "_sql");
const DATABASE: &str = "`cli` and `sqlite` or `postgres`";

/// The commands that do not come with the feature `cli` alone.
const OPTIONAL: [Feature; 9] = [
    Feature { command: "serve", is_built_in: cfg!(feature = "serve"), features: "`serve`" },
    Feature {
        command: "hook",
        is_built_in: cfg!(feature = "hook-command"),
        features: "`hook-command`, and `sqlite` or `postgres`",
    },
    Feature {
        command: "users",
        is_built_in: HAS_DATABASE && cfg!(feature = "transfer"),
        features: "`cli`, `transfer`, and `sqlite` or `postgres`",
    },
    Feature {
        command: "backfill",
        is_built_in: cfg!(feature = "backfill"),
        features: "`cli` and `backfill`",
    },
    Feature { command: "journal", is_built_in: HAS_DATABASE, features: DATABASE },
    Feature { command: "undo", is_built_in: HAS_DATABASE, features: DATABASE },
    Feature { command: "decisions", is_built_in: HAS_DATABASE, features: DATABASE },
    Feature { command: "conflicts", is_built_in: HAS_DATABASE, features: DATABASE },
    Feature { command: "migrate", is_built_in: HAS_DATABASE, features: DATABASE },
];

fn iter_absent() -> impl Iterator<Item = &'static Feature> {
    OPTIONAL.iter().filter(|command| !command.is_built_in)
}

/// The error for a command that this build lacks; none for any other mistake.
pub(super) fn explain_error(error: &clap::Error) -> Option<Text> {
    let Some(ContextValue::String(written)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let Feature { command, features, .. } = iter_absent().find(|it| it.command == written)?;
    let mut text = Text::from_line(line![
        bad("error:").bold(),
        format!(" this build has no command '{command}'; build it with the cargo features {features}")
    ]);
    text.line("");
    text.line("For more information, try '--help'.");
    Some(text)
}

/// The line of the help that lists them; none where every command is there.
pub(super) fn describe_absent() -> Option<String> {
    let commands: Vec<&str> = iter_absent().map(|it| it.command).collect();
    (!commands.is_empty()).then(|| {
        format!("Not in this build: {}; each says which cargo features add it.", commands.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::{OPTIONAL, describe_absent, explain_error};
    use crate::cli::usage::command;

    #[test]
    fn a_command_is_there_or_says_what_adds_it() {
        let help = describe_absent().unwrap_or_default();
        for optional in OPTIONAL {
            let name = optional.command;
            let is_there = command().find_subcommand(name).is_some();
            assert_eq!(is_there, optional.is_built_in, "{name}");
            assert_eq!(help.contains(name), !is_there, "{help}");
            let refused = command().try_get_matches_from(["ligature", name, "--no-such-flag"]).unwrap_err();
            let explained = explain_error(&refused).map(|text| text.with_styles());
            let expected = format!("this build has no command '{name}'");
            assert_eq!(explained.is_some_and(|explained| explained.contains(&expected)), !is_there, "{name}");
        }
    }
}
