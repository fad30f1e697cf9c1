//! The figures of a run, in Markdown.

use std::fs;
use std::path::Path;

use crate::chart;
use crate::contender::{Measured, format};
use crate::growth::Growth;
use crate::machine::Machine;
use crate::servers::Figures;
use crate::throughput::Throughput;

/// The comments around the figures in the documentation.
const BEGIN: &str = "<!-- figures of make bench-compare -->\n";
const END: &str = "<!-- end of the figures -->";

/// The figures of a run.
pub(crate) struct Page {
    pub(crate) machine: Machine,
    /// The contenders, of which the first one is what the others are compared with.
    pub(crate) contenders: Vec<Measured>,
    /// The contenders that were not measured, with the reasons.
    pub(crate) left_out: Vec<String>,
    /// The logins of all cores, if there are several.
    pub(crate) throughput: Option<Throughput>,
    pub(crate) growth: Growth,
    /// The whole servers, unless they are left out.
    pub(crate) servers: Option<Figures>,
}

impl Page {
    /// Returns the figures as they are printed.
    pub(crate) fn text(&self) -> String {
        let left_out: String = self.left_out.iter().map(|why| format!("\nLeft out: {why}.\n")).collect();
        let throughput = self.throughput.as_ref().map(|all| format!("\n{}", all.table())).unwrap_or_default();
        let servers =
            self.servers.as_ref().map(|servers| format!("\n{}", servers.table())).unwrap_or_default();
        let sentence = self.machine.sentence();
        let growth = self.growth.table();
        [&sentence, "\n\n", &self.table(), &left_out, &throughput, "\n", &growth, &servers].concat()
    }

    fn table(&self) -> String {
        let Some(first) = self.contenders.first() else { return String::new() };
        let (mut header, mut rule) = ("| |".to_owned(), "|---|".to_owned());
        for (login, _) in &first.logins {
            header.push_str(&format!(" {login}: p50 | p99 | ratio |"));
            rule.push_str("---:|---:|---:|");
        }
        let mut table = format!("{header}\n{rule}\n");
        for Measured { name, logins } in &self.contenders {
            table.push_str(&format!("| {name} |"));
            for ((_, times), (_, own)) in logins.iter().zip(&first.logins) {
                let (p50, p99) = (format(times.p50_us), format(times.p99_us));
                table.push_str(&format!(" {p50} | {p99} | {} |", format_ratio(times.p50_us / own.p50_us)));
            }
            table.push('\n');
        }
        table
    }

    /// Writes the figures between the comments of a file, and the chart beside it.
    pub(crate) fn write_into(&self, file: &Path) {
        let text = fs::read_to_string(file).expect("the documentation is read");
        let (before, rest) = text.split_once(BEGIN).expect("the documentation has the first comment");
        let (_, after) = rest.split_once(END).expect("the documentation has the last comment");
        let chart = file.with_extension("svg");
        let name = chart.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let image =
            format!("![The median time of a login by contender; the table has the figures.]({name})\n\n");
        fs::write(file, [before, BEGIN, &image, &self.text(), END, after].concat())
            .expect("the documentation is written");
        fs::write(chart, chart::draw(&self.contenders)).expect("the chart is written");
    }
}

/// Formats a ratio for people.
pub(crate) fn format_ratio(ratio: f64) -> String {
    if ratio < 9.95 { format!("{ratio:.2}") } else { format!("{ratio:.0}") }
}
