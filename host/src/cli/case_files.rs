//! The case files that a command names.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Exit;
use crate::reading::{InputError, STANDARD_INPUT, describe_read_error};

/// Lists the cases in these files and directories, in the order of their names. `-` is standard
/// input.
pub(super) fn list_case_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Exit> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            collect_case_files(path, &mut files).map_err(Exit::unreadable)?;
            if files.len() == before {
                let error = InputError::for_file(path, "there is no case file (*.json) in this directory");
                return Err(Exit::unreadable(error));
            }
        } else if path == Path::new(STANDARD_INPUT) {
            files.push(path.clone());
        } else {
            let metadata = std::fs::metadata(path);
            metadata
                .map_err(|error| Exit::unreadable(InputError::for_file(path, describe_read_error(&error))))?;
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Collects the case files of a directory and those below it. What else has such a name, such as a
/// pipe, is left out.
fn collect_case_files(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("{}: the directory cannot be read", directory.display());
    let entries = std::fs::read_dir(directory).with_context(unreadable)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(unreadable)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect_case_files(&path, files)?;
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}
