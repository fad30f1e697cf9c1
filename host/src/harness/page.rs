//! One readable page about one login.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::case::Case;
use super::changes::Change;
use super::recorder::Call;
use super::report::Report;
use crate::limits::Limits;
use crate::login::{Decision, Level, Step, Verdict, Verification, mask_addresses};

const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const CARE: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// The page, with ANSI colours; whoever prints it strips them where they are
/// not wanted.
#[must_use]
pub fn page(case: &Case, report: &Report, limits: &Limits) -> String {
    let mut page = Page(String::new());
    page.line(format_args!("{HEAD}{}{HEAD:#}", case.title));
    page.line(format_args!("{DIM}{}{DIM:#}", case.file.display()));
    login(&mut page, case);
    calls(&mut page, &report.calls);
    decision(&mut page, report);
    explanation(&mut page, report);
    changes(&mut page, &report.changes);
    log(&mut page, report);
    cost(&mut page, report, limits);
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: std::fmt::Arguments) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{text}");
    }

    fn head(&mut self, title: &str) {
        self.line(format_args!("\n{HEAD}{title}{HEAD:#}"));
    }

    fn field(&mut self, name: &str, value: std::fmt::Arguments) {
        self.line(format_args!("  {DIM}{name:<12}{DIM:#} {value}"));
    }
}

fn login(page: &mut Page, case: &Case) {
    let event = &case.event;
    let user = &event.user;
    page.head("Login");
    let name =
        user.rest.get("name").and_then(Value::as_str).map(|name| format!(" ({name})")).unwrap_or_default();
    page.field("who", format_args!("{}{}", mask_addresses(&user.user_id), mask_addresses(&name)));
    let address = user.email.as_deref().map_or("none".into(), mask_addresses);
    let verified = match &user.email_verified {
        Verification::Verified => "verified".to_owned(),
        Verification::Unverified => "not verified".to_owned(),
        Verification::Absent => "not said to be verified".to_owned(),
        Verification::Null => "verified: null".to_owned(),
        Verification::NotBoolean(value) => format!("verified: {value}"),
    };
    page.field("address", format_args!("{address}, {verified}"));
    let connection = &event.connection;
    page.field("through", format_args!("{} {DIM}({}){DIM:#}", connection.name, connection.strategy));
    if let Some(client) = &event.client {
        let name = if client.name.is_empty() { &client.client_id } else { &client.name };
        page.field("application", format_args!("{name}"));
    }
    if let Some(organization) = &event.organization {
        page.field("organization", format_args!("{}", organization.id));
    }
    page.field("at", format_args!("{}", case.now));
}

fn calls(page: &mut Page, calls: &[Call]) {
    page.head("Host calls");
    if calls.is_empty() {
        page.line(format_args!("  none"));
    }
    for (index, call) in calls.iter().enumerate() {
        page.line(format_args!("  {}  {:<20} {}", index + 1, call.call, asked(call)));
        page.line(format_args!("     {}", answered(&call.answer)));
    }
}

fn asked(call: &Call) -> String {
    let text = |key: &str| call.request.get(key).and_then(Value::as_str).unwrap_or_default();
    match call.call.as_str() {
        "users.find-by-email" => text("email").to_owned(),
        "users.get" => text("user_id").to_owned(),
        _ => {
            let mut asked = format!("{} into {}", text("secondary"), text("primary"));
            for key in ["user_metadata", "app_metadata"] {
                if let Some(metadata) = call.request.get(key) {
                    let _ = write!(asked, ", writing {key} {metadata}");
                }
            }
            asked
        }
    }
}

fn answered(answer: &Value) -> String {
    let list = |ids: &Value| {
        let ids = ids.as_array().into_iter().flatten().filter_map(Value::as_str);
        ids.collect::<Vec<_>>().join(", ")
    };
    let count = |ids: &Value| ids.as_array().map_or(0, Vec::len);
    if let Some(users) = answer.get("users") {
        return match count(users) {
            0 => format!("{DIM}→ nobody{DIM:#}"),
            1 => format!("→ 1 user: {}", list(users)),
            many => format!("→ {many} users: {}", list(users)),
        };
    }
    if let Some(identities) = answer.get("identities") {
        return format!("{GOOD}→ linked:{GOOD:#} its identities are now {}", list(identities));
    }
    if let Some(user) = answer.get("user").and_then(Value::as_str) {
        return format!("→ {user}");
    }
    let error = answer.get("error").cloned().unwrap_or_default();
    format!("{BAD}→ {}{BAD:#}", error_words(&error))
}

fn error_words(error: &Value) -> String {
    match error {
        Value::String(name) => name.replace('-', " "),
        Value::Object(fields) => fields.iter().next().map_or_else(String::new, |(name, detail)| {
            let detail = detail.as_str().map_or_else(|| detail.to_string(), str::to_owned);
            format!("{}: {detail}", name.replace('-', " "))
        }),
        other => other.to_string(),
    }
}

fn decision(page: &mut Page, report: &Report) {
    page.head("Decision");
    match &report.decision {
        Decision::Proceed => page.line(format_args!("  the login goes on as it is")),
        Decision::Linked { primary } => {
            page.line(format_args!("  {GOOD}linked{GOOD:#}: the login goes on as {HEAD}{primary}{HEAD:#}"));
        }
        Decision::Suggest { step, candidates } => {
            page.line(format_args!(
                "  {CARE}asks the user{CARE:#} {} {}",
                step_words(*step),
                candidates.join(", ")
            ));
        }
        Decision::Deny { message } => page.line(format_args!("  {BAD}denied{BAD:#}: {message}")),
    }
    for reason in &report.reasons {
        let (style, mark) = match reason.level {
            Level::Info => (GOOD, "·"),
            Level::Finding | Level::Conflict => (CARE, "!"),
            Level::Error => (BAD, "✗"),
        };
        page.line(format_args!("  {style}{mark} {}{style:#}  {}", reason.code, reason.detail));
        if !reason.subject.is_empty() {
            page.line(format_args!("    {DIM}{}{DIM:#}", reason.subject.join(", ")));
        }
    }
    for refusal in &report.refusals {
        let times = if refusal.times > 1 {
            format!(" ({} times)", thousands(refusal.times.into()))
        } else {
            String::new()
        };
        page.line(format_args!("  {BAD}✗ the guard refused{BAD:#} {}: {}{times}", refusal.call, refusal.why));
    }
}

fn explanation(page: &mut Page, report: &Report) {
    if report.trace.is_empty() && report.counterfactual.is_none() {
        return;
    }
    page.head("Explanation");
    let widest = |text: fn(&Verdict) -> &str| {
        report.trace.iter().map(|it| text(it).chars().count()).max().unwrap_or(0)
    };
    let (rules, verdicts) = (widest(|it| &it.rule), widest(|it| &it.verdict));
    for Verdict { rule, verdict, evidence } in &report.trace {
        let style = match verdict.as_str() {
            "decides" | "overrules" => CARE,
            "not applicable" => DIM,
            _ => Style::new(),
        };
        let line = format!("  {style}{rule:<rules$}  {verdict:<verdicts$}{style:#}  {evidence}");
        page.line(format_args!("{}", line.trim_end()));
    }
    let counterfactual =
        report.counterfactual.as_deref().unwrap_or("No single change that was tried would change it.");
    page.line(format_args!("  {HEAD}What would change it:{HEAD:#} {counterfactual}"));
}

fn step_words(step: Step) -> &'static str {
    match step {
        Step::ReauthenticateCandidate => "to log in to the other account too:",
        Step::Confirm => "to confirm the link with",
        Step::VerifyEmail => "to prove the address before a link with",
        Step::StepUpMfa => "to pass a second factor before a link with",
        Step::ChooseCandidate => "which account is meant:",
    }
}

fn changes(page: &mut Page, changes: &[Change]) {
    page.head("Changes in the directory");
    if changes.is_empty() {
        page.line(format_args!("  none"));
    }
    for change in changes {
        match change {
            Change::Added { user_id } => page.line(format_args!("  {GOOD}+ {user_id}{GOOD:#}")),
            Change::Removed { user_id } => {
                page.line(format_args!("  {BAD}- {user_id}{BAD:#}  is no longer a user of its own"));
            }
            Change::Changed { field, .. } if field == "updated_at" => {}
            Change::Changed { user_id, field, before, after } => {
                let was =
                    if before.is_null() { String::new() } else { format!("{} → ", value_words(before)) };
                page.line(format_args!("  {CARE}~ {user_id}{CARE:#}  {field}: {was}{}", value_words(after)));
            }
        }
    }
}

fn value_words(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn log(page: &mut Page, report: &Report) {
    if report.log.is_empty() {
        return;
    }
    page.head("Log of the plugin");
    for line in &report.log {
        page.line(format_args!(
            "  {DIM}{}{DIM:#} {}",
            format!("{:?}", line.level).to_lowercase(),
            line.message
        ));
    }
}

fn cost(page: &mut Page, report: &Report, limits: &Limits) {
    page.head("Cost");
    if let Some(cost) = &report.cost {
        page.field("fuel", format_args!("{} of {}", thousands(cost.fuel), thousands(limits.fuel)));
        page.field(
            "memory",
            format_args!(
                "{} of {} KiB",
                thousands((cost.memory_bytes / 1024) as u64),
                thousands((limits.memory_bytes / 1024) as u64)
            ),
        );
        page.field("host calls", format_args!("{}", cost.host_calls));
        page.field("time", format_args!("{} µs", thousands(cost.time_us)));
    }
    if let Some(plugin) = &report.plugin {
        page.field(
            "plugin",
            format_args!("{}, {}, sha256 {}…", plugin.name, plugin.contract, &plugin.sha256[..12]),
        );
    }
}

/// A number with commas: `50,000,000`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1000, 50_000_000].map(thousands), ["0", "999", "1,000", "50,000,000"]);
    }
}
