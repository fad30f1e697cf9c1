//! The results of cases: for programs, and for readers of JUnit.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use super::super::Exit;
use super::super::output_file::{OutputFile, Readers};
use crate::terminal::escape;

/// One case.
#[derive(Debug, Serialize)]
pub(super) struct Tested {
    /// Its file.
    pub(super) file: String,
    /// Its title; empty where it cannot be read.
    pub(super) title: String,
    /// The result.
    pub(super) verdict: Verdict,
    /// The fault, with the lines that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// The time it took, in milliseconds.
    pub(super) ms: u64,
}

/// The result of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It is decided as its snapshot says.
    Passed,
    /// Its snapshot was written.
    Written,
    /// It is decided otherwise, has no snapshot, or its plugin failed.
    Failed,
    /// It cannot be read.
    Unreadable,
}

/// All cases of a command.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) written: usize,
    pub(super) ms: u64,
    pub(super) cases: Vec<Tested>,
}

impl Results {
    pub(super) fn of(cases: Vec<Tested>, took: Duration) -> Self {
        let count = |verdict| cases.iter().filter(|it| it.verdict == verdict).count();
        let (written, failed) =
            (count(Verdict::Written), count(Verdict::Failed) + count(Verdict::Unreadable));
        Self { passed: cases.len() - failed, failed, written, ms: milliseconds(took), cases }
    }

    pub(super) fn has(&self, verdict: Verdict) -> bool {
        self.cases.iter().any(|it| it.verdict == verdict)
    }

    /// Writes them as JUnit's XML.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn write_junit(&self, file: &OutputFile) -> Result<(), Exit> {
        let mut suite = TestSuite::new("ligature test");
        for case in &self.cases {
            let status = match (case.verdict, &case.message) {
                (Verdict::Passed | Verdict::Written, _) => TestCaseStatus::success(),
                (verdict, message) => {
                    let kind = if verdict == Verdict::Unreadable {
                        NonSuccessKind::Error
                    } else {
                        NonSuccessKind::Failure
                    };
                    let mut status = TestCaseStatus::non_success(kind);
                    // Characters that XML cannot hold are escaped, as in a terminal.
                    let lines: Vec<_> = message.iter().flat_map(|it| it.lines()).map(escape).collect();
                    status.set_message(lines.first().map_or("", |it| it).trim().to_owned());
                    status.set_description(lines.join("\n"));
                    status
                }
            };
            let name = if case.title.is_empty() { &case.file } else { &case.title };
            let mut test = TestCase::new(escape(name).into_owned(), status);
            test.set_classname(escape(&case.file).into_owned()).set_time(Duration::from_millis(case.ms));
            suite.add_test_case(test);
        }
        let mut report = Report::new("ligature test");
        report.set_time(Duration::from_millis(self.ms)).add_test_suite(suite);
        let written = report.to_string().map_err(anyhow::Error::from);
        let text = written.map_err(Exit::failed)?;
        file.replace(Readers::Others, |out| {
            out.write_all(text.as_bytes()).map_err(|error| file.unwritable(&error))
        })
    }
}

pub(super) fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
