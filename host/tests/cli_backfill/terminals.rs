//! The progress on a terminal.

use std::process::{Command, Stdio};

use crate::place::Ran;
use crate::user_base::{place_with_people, preview};

/// `script` of util-linux runs a command in a terminal, and repeats what it prints.
#[test]
fn a_bar_shows_rate_and_remaining_time_and_is_removed_at_the_end() {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("without a terminal: `script` is not installed");
        return;
    }
    let place = place_with_people(40);
    preview(&place);
    let apply = format!(
        "stty columns 80; {} backfill apply report/plan.ndjson --policy policy.json --rate 40",
        env!("CARGO_BIN_EXE_ligature")
    );
    let mut command = place.command(&[]);
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &apply, "/dev/null"]);
    terminal.current_dir(place.path()).stdin(Stdio::null()).env("TERM", "xterm");
    terminal.envs(command.env("NO_COLOR", "1").get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = Ran::read(terminal.output().expect("it runs"));
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let bars: Vec<&str> = ran.stdout.split(['\r', '\n']).filter(|it| it.contains("linking  ")).collect();
    assert!(bars.len() > 2, "{}", ran.stdout);
    for part in [" %  ", " of 40, ", "/s, ", "s left"] {
        assert!(bars.iter().any(|bar| bar.contains(part)), "{part}: {bars:?}");
    }
    // The line of the bar is erased before the summary.
    let end = ran.stdout.rfind("linking  ").expect("a bar");
    let after = &ran.stdout[end..];
    assert!(after.contains("\u{1b}[2K") && after.contains("LINKED"), "{after:?}");
}
