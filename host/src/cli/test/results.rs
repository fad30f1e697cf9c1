//! The results of cases, as JSON and as JUnit XML.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use crate::cli::Exit;
use crate::cli::output_file::{OutputFile, Readers};
use crate::terminal::escape;

/// The result of one case.
#[derive(Debug, Serialize)]
pub(super) struct CaseResult {
    /// The case file.
    pub(super) file: String,
    /// The case's title; empty if the case cannot be read.
    pub(super) title: String,
    /// Whether the case passed.
    #[serde(rename = "verdict")]
    pub(super) status: CaseStatus,
    /// The fault, with the differing lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// The duration, in milliseconds.
    pub(super) ms: u64,
}

/// Whether a case passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CaseStatus {
    /// The decision is the same as in the snapshot.
    Passed,
    /// The snapshot was written.
    Written,
    /// The decision differs, there is no snapshot, or the plugin failed.
    Failed,
    /// The case cannot be read.
    Unreadable,
}

/// The results of all cases.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) written: usize,
    pub(super) ms: u64,
    pub(super) cases: Vec<CaseResult>,
}

impl Results {
    pub(super) fn new(cases: Vec<CaseResult>, took: Duration) -> Self {
        let count = |status| cases.iter().filter(|it| it.status == status).count();
        let (written, failed) =
            (count(CaseStatus::Written), count(CaseStatus::Failed) + count(CaseStatus::Unreadable));
        Self { passed: cases.len() - failed, failed, written, ms: to_milliseconds(took), cases }
    }

    pub(super) fn has(&self, status: CaseStatus) -> bool {
        self.cases.iter().any(|it| it.status == status)
    }

    /// Writes the results as JUnit XML.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn write_junit(&self, file: &OutputFile) -> Result<(), Exit> {
        let mut suite = TestSuite::new("ligature test");
        for case in &self.cases {
            let status = match (case.status, &case.message) {
                (CaseStatus::Passed | CaseStatus::Written, _) => TestCaseStatus::success(),
                (status, message) => {
                    let kind = if status == CaseStatus::Unreadable {
                        NonSuccessKind::Error
                    } else {
                        NonSuccessKind::Failure
                    };
                    let mut test_status = TestCaseStatus::non_success(kind);
                    // XML cannot hold some characters; they are escaped as on a terminal.
                    let lines: Vec<_> = message.iter().flat_map(|it| it.lines()).map(escape).collect();
                    test_status.set_message(lines.first().map_or("", |it| it).trim().to_owned());
                    test_status.set_description(lines.join("\n"));
                    test_status
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
        file.replace(Readers::Everyone, |out| {
            out.write_all(text.as_bytes()).map_err(|error| file.report_unwritable(&error))
        })
    }
}

pub(super) fn to_milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
