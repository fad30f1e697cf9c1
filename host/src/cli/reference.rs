//! Generates `docs/command-line.md` from the command line's definition.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command};

const BEFORE: &str = "# The command line\n\n\
    Generated from the arguments of `ligature` by `make docs`; a test checks that it is current. `ligature COMMAND --help` \
    describes each in more detail.\n\n\
    ## Exit codes\n\n\
    | code | meaning |\n|---|---|\n\
    | 0 | Done. |\n\
    | 1 | The command cannot be done now: the plugin or the directory failed, a port is taken, a file cannot be written, or a \
    snapshot differs. The same command may succeed later. |\n\
    | 2 | The input is wrong, whatever the directory contains: the command line, or a file that it names. |\n\
    | 3 | `replay`: a login is decided otherwise than in its recording. `record`: the recording is \
    written, and its own replay differs. |\n\n\
    An error that depends on the directory's content has code 1: a user does not exist, a journal entry is not a link, a link \
    is already undone.\n\n\
    ## JSON\n\n\
    Commands whose table lists `--json` print JSON with it. `users show`, `users export` and `schema` always print JSON; the \
    logs of `serve` and `hook` are JSON with `--log-format json`.\n\n\
    ## The environment\n\n\
    The tables name the environment variable of a flag, if it has one; the flag takes precedence. `LIGATURE_LOG` selects what \
    `serve` and `hook` log: a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), or `PART=LEVEL` for a part of the program \
    (`audit`, `http`, `login`, `plugin`, `ligature_host`) or a library, separated by commas. The default is `info`. \
    `NO_COLOR=1` turns colours off.\n";

/// Generates the page.
fn render_page(mut command: Command) -> String {
    command.build();
    let mut page = BEFORE.to_owned();
    add_section(&mut page, &command, "ligature");
    page
}

fn add_section(page: &mut String, command: &Command, name: &str) {
    for sub in command.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        let name = format!("{name} {}", sub.get_name());
        if sub.has_subcommands() {
            add_section(page, sub, &name);
            continue;
        }
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(
            page,
            "\n## `{name}`\n\n{about}.\n\n| argument | variable | default | |\n|---|---|---|---|\n"
        );
        for arg in sub.get_arguments().filter(|it| !it.is_hide_set() && it.get_id() != "help") {
            let _ = writeln!(page, "{}", render_row(arg));
        }
    }
}

fn render_row(arg: &Arg) -> String {
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let value = arg.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    let possible = arg.get_possible_values();
    let value = if possible.is_empty() || !takes_value {
        value
    } else {
        possible.iter().map(|it| it.get_name().to_owned()).collect::<Vec<_>>().join("|")
    };
    let argument = match (arg.get_long(), arg.get_short()) {
        (Some(long), short) => {
            let value = if takes_value { format!(" {value}") } else { String::new() };
            let short = short.map(|short| format!(", `-{short}`")).unwrap_or_default();
            format!("`--{long}{value}`{short}")
        }
        (None, _) => format!("`{value}`"),
    };
    let variable = arg.get_env().map(|it| format!("`{}`", it.to_string_lossy())).unwrap_or_default();
    let default = arg.get_default_values().iter().filter(|_| takes_value);
    let default: Vec<String> = default.map(|it| format!("`{}`", it.to_string_lossy())).collect();
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let cell = |text: String| text.replace('|', "\\|").replace('\n', " ");
    format!("| {} | {variable} | {} | {} |", cell(argument), cell(default.join(" ")), cell(help))
}

/// Every command has `--json`, except those that always print JSON, and the services.
#[test]
fn every_command_prints_json_where_asked() {
    fn collect_without_json(command: &Command, name: &str, found: &mut Vec<String>) {
        for sub in command.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help") {
            let name = format!("{name} {}", sub.get_name());
            if sub.has_subcommands() {
                collect_without_json(sub, &name, found);
            } else if sub.get_arguments().all(|it| it.get_id() != "json") {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    collect_without_json(&super::usage::command(), "ligature", &mut found);
    let anyhow = [
        "ligature record",
        "ligature serve",
        "ligature hook",
        "ligature users export",
        "ligature users show",
        "ligature schema",
    ];
    assert_eq!(found, anyhow);
}

/// A comment on a variant of the enum of commands would hide the long help.
#[test]
fn the_long_help_of_every_command_shows() {
    let command = super::usage::command();
    for name in [
        "run",
        "test",
        "record",
        "replay",
        "serve",
        "hook",
        "bench",
        "schema",
        "new",
        "component",
        "undo",
        "inspect",
    ] {
        let command = command.find_subcommand(name).expect("it is there");
        let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
        let short = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(long.len() > short.len() + 40 && !short.contains('\n'), "{name}: {long}");
    }
}

/// Every flag of the service can be given in its environment.
#[test]
fn every_flag_of_a_service_has_a_variable() {
    let command = super::usage::command();
    for (service, expected) in [("serve", &["init", "rotate_key"][..]), ("hook", &["check"])] {
        let service = command.find_subcommand(service).expect("it is there");
        let without = service.get_arguments().filter(|it| it.get_env().is_none());
        let without: Vec<&str> = without.map(|it| it.get_id().as_str()).filter(|it| *it != "help").collect();
        assert_eq!(without, expected);
    }
}

#[test]
fn the_page_of_the_command_line_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command-line.md");
    let page = render_page(super::usage::command());
    if std::env::var_os("LIGATURE_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let held = std::fs::read_to_string(path).unwrap_or_default();
    assert!(held == page, "docs/command-line.md is not current; run `make docs`");
}
