//! The options that narrow a plan or a run.

use std::path::PathBuf;

use crate::backfill::{Review, Sample, Selection};
use crate::cli::Exit;
use crate::reading::{InputError, read_text};

#[derive(Debug, clap::Args)]
pub(super) struct SelectionArgs {
    /// Only groups whose links have this reason, such as reason=LINKED_VERIFIED_BOTH; several
    /// reasons by several options
    #[arg(long, value_name = "reason=CODE", value_parser = parse_reason)]
    only: Vec<String>,
    /// Only groups whose accounts have these connections and no other one
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    connections: Vec<String>,
    /// Only a share of the groups, such as 1%: the same ones each time
    #[arg(long, value_name = "SHARE")]
    sample: Option<Sample>,
    /// A file with one id of a group a line, each followed by `,approved` or `,rejected` or nothing,
    /// which approves it. `*,approved` stands for every group that the file does not name
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
}

fn parse_reason(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some(("reason", code)) if !code.is_empty() => Ok(code.to_owned()),
        _ => Err("write reason=CODE, such as reason=LINKED_VERIFIED_BOTH".to_owned()),
    }
}

impl SelectionArgs {
    /// Reads the selection.
    pub(super) fn read(&self) -> Result<Selection, Exit> {
        let review = self.groups.as_deref().map(|file| {
            let text = read_text(file).map_err(Exit::unreadable)?;
            let review: Result<Review, String> = text.parse();
            review.map_err(|why| Exit::unreadable(InputError::for_file(file, why)))
        });
        Ok(Selection {
            reasons: self.only.iter().cloned().collect(),
            connections: self.connections.iter().cloned().collect(),
            sample: self.sample,
            review: review.transpose()?,
        })
    }
}
