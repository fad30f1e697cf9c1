//! The results of replays, as lines and as JSON.

use std::path::Path;

use serde::Serialize;

use crate::model::mask_addresses;
use crate::reading::display_path;
use crate::recording::{Reconsidered, Replay};
use crate::terminal::{Line, Text, bad, care, dim, good, head, line};

/// The result of one recorded login.
#[derive(Debug, Serialize)]
pub(super) struct ReplayedLogin {
    /// The recording.
    pub(super) file: String,
    /// The title of the recording; empty if it cannot be read.
    pub(super) title: String,
    /// The user who logged in; empty if it cannot be read.
    pub(super) login: String,
    /// The fields that the recording leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<String>,
    /// The result.
    #[serde(flatten)]
    pub(super) outcome: ReplayOutcome,
}

/// The result of a replay, or of another policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReplayOutcome {
    Replayed(Replay),
    Reconsidered(Reconsidered),
    Unreadable(String),
}

/// The class of a result, by which logins are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResultClass {
    Same,
    OtherReasons,
    Differs,
    NotKnown,
    Unrepeatable,
    Unreadable,
}

/// The results of all recordings.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    /// Logins that are decided as they were.
    pub(super) same: usize,
    /// Logins with the same decision and other reasons, if another policy decides.
    pub(super) other_reasons: usize,
    /// Logins that are decided otherwise.
    pub(super) differ: usize,
    /// Logins whose decision is not known from the recording.
    pub(super) not_known: usize,
    /// Logins in which the time of a plugin was up, which a replay cannot repeat.
    pub(super) unrepeatable: usize,
    /// Files that cannot be read.
    pub(super) unreadable: usize,
    pub(super) logins: Vec<ReplayedLogin>,
    #[serde(skip)]
    is_comparing: bool,
}

impl ReplayedLogin {
    pub(super) fn unreadable(file: &Path, why: String) -> Self {
        Self {
            file: display_path(file),
            title: String::new(),
            login: String::new(),
            left_out: Vec::new(),
            outcome: ReplayOutcome::Unreadable(why),
        }
    }

    fn class(&self) -> ResultClass {
        match &self.outcome {
            ReplayOutcome::Unreadable(_) => ResultClass::Unreadable,
            ReplayOutcome::Replayed(replay) if replay.differences.is_empty() => ResultClass::Same,
            ReplayOutcome::Replayed(replay) if replay.is_unrepeatable => ResultClass::Unrepeatable,
            ReplayOutcome::Replayed(_) => ResultClass::Differs,
            ReplayOutcome::Reconsidered(it) if it.not_known.is_some() => ResultClass::NotKnown,
            ReplayOutcome::Reconsidered(it) if !it.is_same() => ResultClass::Differs,
            ReplayOutcome::Reconsidered(it) if !it.has_same_reasons() => ResultClass::OtherReasons,
            ReplayOutcome::Reconsidered(_) => ResultClass::Same,
        }
    }
}

impl Results {
    pub(super) fn new(logins: Vec<ReplayedLogin>, is_comparing: bool) -> Self {
        let count = |class| logins.iter().filter(|login| login.class() == class).count();
        Self {
            same: count(ResultClass::Same),
            other_reasons: count(ResultClass::OtherReasons),
            differ: count(ResultClass::Differs),
            not_known: count(ResultClass::NotKnown),
            unrepeatable: count(ResultClass::Unrepeatable),
            unreadable: count(ResultClass::Unreadable),
            logins,
            is_comparing,
        }
    }

    /// Formats the results: a table if another policy decides, or else the differences of each
    /// replay.
    pub(super) fn format(&self) -> Text {
        let mut text = if self.is_comparing { self.format_table() } else { Text::default() };
        for login in &self.logins {
            match &login.outcome {
                ReplayOutcome::Replayed(replay) => text.append(format_replay(login, replay)),
                ReplayOutcome::Unreadable(why) => text.line(line![bad("✗ "), mask_addresses(why)]),
                ReplayOutcome::Reconsidered(_) => {}
            }
        }
        text.line("");
        text.line(self.summarise());
        text
    }

    fn summarise(&self) -> String {
        let logins = self.logins.len();
        let mut parts = vec![format!("{} as recorded", self.same)];
        let others = [
            (self.other_reasons, "for other reasons"),
            (self.differ, if self.is_comparing { "decided otherwise" } else { "different" }),
            (self.not_known, "not known from the recording"),
            (self.unrepeatable, "not repeatable"),
            (self.unreadable, "unreadable"),
        ];
        parts.extend(
            others.iter().filter(|(count, _)| *count > 0).map(|(count, how)| format!("{count} {how}")),
        );
        let what = match (logins, self.unreadable) {
            (1, 0) => "recorded login",
            (_, 0) => "recorded logins",
            (1, _) => "file",
            (_, _) => "files",
        };
        format!("{logins} {what}: {}", parts.join(", "))
    }

    /// Formats a table of the logins that another policy decides otherwise, or for other
    /// reasons, or whose decision is not known.
    fn format_table(&self) -> Text {
        let rows: Vec<[String; 4]> = self.logins.iter().filter_map(row).collect();
        let mut text = Text::default();
        if rows.is_empty() {
            return text;
        }
        let titles = ["login", "decided then", "would be decided now", "reasons"];
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([titles[column].len()]).max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2)];
        let pad = |cells: [&str; 4]| {
            let pad = |(cell, width): (&str, usize)| format!("{cell:<width$}  ");
            let first: String = cells.into_iter().zip(widths).map(pad).collect();
            format!("{first}{}", cells[3]).trim_end().to_owned()
        };
        text.line(head(pad(titles)));
        for row in &rows {
            text.line(pad([&row[0], &row[1], &row[2], &row[3]]));
        }
        text
    }
}

fn row(login: &ReplayedLogin) -> Option<[String; 4]> {
    let ReplayOutcome::Reconsidered(it) = &login.outcome else { return None };
    if login.class() == ResultClass::Same {
        return None;
    }
    let now = match (&it.now, &it.not_known) {
        (_, Some(call)) => format!("not known from the recording: the answer to {call}"),
        (Some(now), None) => now.clone(),
        (None, None) => String::new(),
    };
    let reasons = if it.now.is_none() || it.has_same_reasons() {
        it.reasons_then.join(" ")
    } else {
        format!("{} → {}", it.reasons_then.join(" "), it.reasons_now.join(" "))
    };
    let mask = |text: &str| mask_addresses(text).into_owned();
    Some([login.login.clone(), mask(&it.then), mask(&now), reasons])
}

fn format_replay(login: &ReplayedLogin, replay: &Replay) -> Text {
    let sign = match login.class() {
        ResultClass::Differs => bad("✗"),
        ResultClass::Unrepeatable => care("?"),
        _ => good("✓"),
    };
    let mut text =
        Text::from_line(line![sign, format!(" {} ", login.file), dim(mask_addresses(&login.title))]);
    for note in &replay.notes {
        text.line(line!["    ", care(mask_addresses(note))]);
    }
    if login.class() == ResultClass::Unrepeatable {
        text.line(
            "    the time of a plugin was up, which depends on the machine: this login cannot be replayed",
        );
        return text;
    }
    for difference in &replay.differences {
        text.line(format!("    {}", difference.what));
        let value =
            |name: &str, value: &str| -> Line { format!("      {name:<9} {}", mask_addresses(value)).into() };
        text.line(value("recorded", &difference.recorded));
        text.line(value("now", &difference.now));
    }
    if let [first, ..] = login.left_out.as_slice()
        && !replay.differences.is_empty()
    {
        let fields = match login.left_out.len() {
            1 => first.clone(),
            more => format!("{more} fields, such as {first}"),
        };
        text.line(dim(format!(
            "    the recording leaves out {fields}; a plugin that reads one may decide otherwise"
        )));
    }
    text
}
