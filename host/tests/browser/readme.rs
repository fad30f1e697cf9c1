//! The sequence that the README gives to new users of the tenant.

use std::path::{Path, PathBuf};
use std::process::Command;

use ligature_test_servers::output;

use crate::suites::Tenant;

pub(crate) const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// A command of the README, and what it prints there.
struct Typed {
    command: String,
    printed: Vec<String>,
}

/// The commands of the section on the tenant, one list for each block.
fn blocks() -> Vec<Vec<Typed>> {
    let text = std::fs::read_to_string(FILE).expect("the README");
    let section = text.split("\n## ").find(|section| section.starts_with("A local tenant\n"));
    let section = section.expect("a section on the tenant").to_owned();
    let blocks = section.split("\n```\n").skip(1).step_by(2);
    let typed = |block: &str| {
        let mut commands: Vec<Typed> = Vec::new();
        for line in block.lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => {
                    commands.push(Typed { command: command.to_owned(), printed: Vec::new() });
                }
                (None, Some(last)) => last.printed.push(line.to_owned()),
                (None, None) => panic!("a block begins with what nobody typed: {line}"),
            }
        }
        commands
    };
    blocks.map(typed).collect()
}

/// A shell in this folder, with the program on its PATH.
fn shell(folder: &Path, command: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_ligature")).parent().expect("a folder");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(PathBuf::from(program)).chain(std::env::split_paths(&inherited)),
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).env("PATH", path.expect("a PATH"));
    shell.env_remove("LIGATURE_DIRECTORY");
    shell
}

/// Types the first block in an empty folder. The ports alone are others: the
/// usual ones may be taken.
pub(crate) fn typed(place: &Path) -> Tenant {
    let empty = place.join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let mut blocks = blocks();
    let [init, serve] = blocks.remove(0).try_into().ok().expect("two commands");
    let said = output(&mut shell(&empty, &init.command)).expect("it succeeds");
    assert_eq!(said, init.printed.join("\n"));
    assert!(init.printed[1].ends_with(&serve.command), "{}", init.printed[1]);
    assert!(
        serve.printed[0].starts_with("ligature: ready http://localhost:4480/ https://localhost:4481/ ca=")
    );
    let command = format!("exec {} --port 0 --tls-port 0", serve.command);
    let log = std::fs::File::create(place.join("log")).expect("a log");
    Tenant::spawned(shell(&empty, &command), log, place)
}

/// Types the second block, beside the running tenant.
pub(crate) fn see_the_link(place: &Path) {
    let empty = place.join("empty");
    let mut blocks = blocks();
    let [list, undo] = blocks.remove(1).try_into().ok().expect("two commands");
    let said = output(&mut shell(&empty, &list.command)).expect("it succeeds");
    let link = list.printed[0].split("Z  ").nth(1).expect("what it is");
    assert!(said.ends_with(link), "{said}");
    let id = said.split(' ').next().expect("an id");
    let said = output(&mut shell(&empty, &undo.command.replace("4f2c…", id))).expect("it succeeds");
    assert_eq!(said.lines().next(), undo.printed.first().map(String::as_str));
}
