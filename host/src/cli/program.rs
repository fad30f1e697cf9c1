//! The program: runs the command line, and reports its error.

use std::process::ExitCode;

use super::exit::{Exit, describe_error};
use super::{panics, print_error, usage};
use crate::ambient::Ambient;
use crate::terminal::{Text, bad, line};

/// Runs the command line. Returns the exit code.
#[must_use]
pub fn run(ambient: &Ambient) -> ExitCode {
    panics::install_hook();
    let done = match usage::parse() {
        Ok(cli) => cli.execute(ambient),
        Err(code) => return code,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit { code, error }) => {
            if let Some(error) = error {
                print_error(&Text::from_line(line![bad("error:").bold(), " ", describe_error(&error)]));
            }
            ExitCode::from(code)
        }
    }
}
