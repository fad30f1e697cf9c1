//! The figures of a bench, and the limits that they keep.

use std::fs;
use std::path::Path;

use crate::measured::Measured;

/// The comments around the table in the documentation.
const BEGIN: &str = "<!-- figures of make bench-backfill -->\n";
const END: &str = "<!-- end of the figures -->";

/// The rows of the table, and the missed limits.
#[derive(Default)]
pub(crate) struct Figures {
    rows: Vec<[String; 4]>,
    missed: Vec<String>,
}

impl Figures {
    /// Adds a run of the program, and prints it.
    pub(crate) fn add(&mut self, what: String, run: &Measured, note: &str) {
        let (time, memory) = (format!("{:.1} s", run.time.as_secs_f64()), format!("{} MB", run.peak_mb));
        println!("{what}   {time}, peak {memory} resident   {note}");
        self.rows.push([what, time, memory, note.to_owned()]);
    }

    /// Notes a limit that is exceeded.
    pub(crate) fn require_at_most(&mut self, what: &str, number: f64, limit: f64) {
        if number > limit {
            self.missed.push(format!("{what}: {number:.0}, and at most {limit:.0} are allowed"));
        }
    }

    /// Notes a limit that is not reached.
    pub(crate) fn require_at_least(&mut self, what: &str, number: f64, limit: f64) {
        if number < limit {
            self.missed.push(format!("{what}: {number:.0}, and at least {limit:.0} are required"));
        }
    }

    /// Returns the missed limits.
    pub(crate) fn missed(&self) -> &[String] {
        &self.missed
    }

    /// Replaces the table between the comments of a file.
    pub(crate) fn write_into(&self, file: &Path) {
        let text = fs::read_to_string(file).expect("the documentation is read");
        let (before, rest) = text.split_once(BEGIN).expect("the documentation has the first comment");
        let (_, after) = rest.split_once(END).expect("the documentation has the last comment");
        let mut table = "| what | time | resident memory | |\n|---|---|---|---|\n".to_owned();
        for row in &self.rows {
            table.push_str(&format!("| {} |\n", row.join(" | ")));
        }
        fs::write(file, [before, BEGIN, &table, END, after].concat()).expect("the documentation is written");
    }
}
