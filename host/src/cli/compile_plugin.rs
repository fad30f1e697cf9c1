//! `ligature compile-plugin`: the child process of another command.

use anyhow::anyhow;

use super::{CommandResult, Exit};
use crate::sandbox::compile_for_parent;

pub(super) fn execute() -> CommandResult {
    compile_for_parent()
        .map_err(|error| Exit::unreadable(anyhow!("this command is internal to this program: {error}")))
}
