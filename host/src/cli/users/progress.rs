//! The progress bar of an import or export.

use indicatif::{ProgressBar, ProgressStyle};

/// Creates a progress bar, which shows on a terminal only.
pub(super) fn new_progress_bar(length: Option<u64>) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:30} {percent:>3} %  {bytes}  {elapsed} elapsed, {eta} left");
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
