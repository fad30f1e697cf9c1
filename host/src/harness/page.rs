//! The page that a person reads about one login.

use serde_json::Value;

use super::case::Case;
use super::changes::Change;
use super::recorder::RecordedCall;
use super::report::{Hint, PolicySummary, Report};
use crate::limits::Limits;
use crate::model::{Decision, Level, Reason, RuleVerdict, Verification, mask_addresses};
use crate::reading::display_path;
use crate::sandbox::PluginOutput;
use crate::terminal::{Line, Span, Text, bad, care, dim, good, head, line};

/// Formats a report as a page.
#[must_use]
pub fn format_page(case: &Case, report: &Report, limits: &Limits) -> Text {
    let mut page = Text::default();
    page.line(head(&case.title));
    page.line(dim(display_path(&case.file)));
    add_login(&mut page, case);
    add_calls(&mut page, &report.calls);
    add_policies(&mut page, &report.policies);
    add_decision(&mut page, report);
    add_explanation(&mut page, report);
    add_changes(&mut page, &report.changes);
    add_log(&mut page, report);
    add_output(&mut page, &report.output);
    add_cost(&mut page, report, limits);
    page
}

fn add_field(page: &mut Text, name: &str, value: impl Into<Line>) {
    page.line(line!["  ", dim(format!("{name:<12}")), " "].then(value));
}

fn add_login(page: &mut Text, case: &Case) {
    let event = &case.event;
    let user = &event.user;
    page.head("Login");
    let name =
        user.rest.get("name").and_then(Value::as_str).map(|name| format!(" ({name})")).unwrap_or_default();
    add_field(page, "who", line![mask_addresses(&user.user_id), mask_addresses(&name)]);
    let address = user.email.as_deref().map_or("none".into(), mask_addresses);
    let verified = match &user.email_verified {
        Verification::Verified => "verified".to_owned(),
        Verification::Unverified => "not verified".to_owned(),
        Verification::Absent => "not said to be verified".to_owned(),
        Verification::Null => "verified: null".to_owned(),
        Verification::NotBoolean(value) => format!("verified: {value}"),
    };
    add_field(page, "address", line![address, ", ", verified]);
    let connection = &event.connection;
    add_field(page, "through", line![&connection.name, " ", dim(format!("({})", connection.strategy))]);
    if let Some(client) = &event.client {
        let name = if client.name.is_empty() { &client.client_id } else { &client.name };
        add_field(page, "application", name);
    }
    if let Some(organization) = &event.organization {
        add_field(page, "organization", &organization.id);
    }
    add_field(page, "at", case.now);
}

fn add_calls(page: &mut Text, calls: &[RecordedCall]) {
    page.head("Host calls");
    if calls.is_empty() {
        page.line("  none");
    }
    for (index, call) in calls.iter().enumerate() {
        let times = if call.times > 1 {
            format!(" ({} times)", group_thousands(call.times.into()))
        } else {
            String::new()
        };
        page.line(format!("  {}  {:<20} {}{times}", index + 1, call.call, describe_request(call)));
        page.line(line!["     "].then(describe_answer(&call.answer)));
    }
}

fn describe_request(call: &RecordedCall) -> String {
    let text = |key: &str| call.request.get(key).and_then(Value::as_str).unwrap_or_default();
    match call.call.as_str() {
        "users.find-by-email" => text("email").to_owned(),
        "users.get" => text("user_id").to_owned(),
        "more calls" => String::new(),
        _ => {
            let written = ["user_metadata", "app_metadata"].map(|key| match call.request.get(key) {
                Some(metadata) => format!(", writing {key} {metadata}"),
                None => String::new(),
            });
            format!("{} into {}{}", text("secondary"), text("primary"), written.concat())
        }
    }
}

fn describe_answer(answer: &Value) -> Line {
    let list = |ids: &Value| {
        let ids = ids.as_array().into_iter().flatten().filter_map(Value::as_str);
        ids.collect::<Vec<_>>().join(", ")
    };
    let count = |ids: &Value| ids.as_array().map_or(0, Vec::len);
    if let Some(users) = answer.get("users") {
        return match count(users) {
            0 => dim("→ nobody").into(),
            1 => format!("→ 1 user: {}", list(users)).into(),
            many => format!("→ {many} users: {}", list(users)).into(),
        };
    }
    if let Some(identities) = answer.get("identities") {
        return line![good("→ linked:"), " its identities are now ", list(identities)];
    }
    if let Some(user) = answer.get("user").and_then(Value::as_str) {
        return format!("→ {user}").into();
    }
    if let Some(limit) = answer.get("limit").and_then(Value::as_str) {
        return dim(format!("→ {limit}")).into();
    }
    let error = answer.get("error").cloned().unwrap_or_default();
    bad(format!("→ {}", describe_error(&error))).into()
}

fn describe_error(error: &Value) -> String {
    match error {
        Value::String(name) => name.replace('-', " "),
        Value::Object(fields) => fields.iter().next().map_or_else(String::new, |(name, detail)| {
            let detail = detail.as_str().map_or_else(|| detail.to_string(), str::to_owned);
            format!("{}: {detail}", name.replace('-', " "))
        }),
        other => other.to_string(),
    }
}

/// Formats a decision and its reasons as a part of a page.
#[must_use]
pub fn format_outcome(decision: &Decision, reasons: &[Reason]) -> Text {
    let mut page = Text::default();
    page.head("Decision");
    page.line(match decision {
        Decision::Proceed => line!["  the login continues unchanged"],
        Decision::Linked { primary } => {
            line!["  ", good("linked"), ": the login continues as ", head(primary)]
        }
        Decision::Suggest { step, candidates } => {
            line!["  ", care("asks the user"), " ", step.describe(), " ", candidates.join(", ")]
        }
        Decision::Deny { message } => line!["  ", bad("denied"), ": ", message],
    });
    for reason in reasons {
        let code = &reason.code;
        let code = match reason.level {
            Level::Info => good(format!("· {code}")),
            Level::Finding | Level::Conflict => care(format!("! {code}")),
            Level::Error => bad(format!("✗ {code}")),
        };
        page.line(line!["  ", code, "  ", &reason.detail]);
        if !reason.subject.is_empty() {
            page.line(line!["    ", dim(reason.subject.join(", "))]);
        }
    }
    page
}

fn add_decision(page: &mut Text, report: &Report) {
    page.append(format_outcome(&report.decision, &report.reasons));
    for refusal in &report.refusals {
        let times = if refusal.times > 1 {
            format!(" ({} times)", group_thousands(refusal.times.into()))
        } else {
            String::new()
        };
        let refused = format!(" {}: {}{times}", refusal.call, refusal.why);
        page.line(line!["  ", bad("✗ the guard refused"), refused]);
    }
}

/// Adds the policies, if there are several.
fn add_policies(page: &mut Text, policies: &[PolicySummary]) {
    if policies.is_empty() {
        return;
    }
    page.head("Policies");
    for PolicySummary { name, decision, codes } in policies {
        page.line(line!["  ", name, "  ", head(decision), "  ", dim(codes.join(", "))]);
    }
}

/// Formats the verdicts of the rules as a part of a page, and the change that would have led to
/// another decision. Empty if neither is known.
#[must_use]
pub fn format_explanation(trace: &[RuleVerdict], counterfactual: Option<&str>) -> Text {
    let mut page = Text::default();
    if trace.is_empty() && counterfactual.is_none() {
        return page;
    }
    page.head("Explanation");
    add_trace(&mut page, trace);
    if let Some(counterfactual) = counterfactual {
        page.line(line!["  ", head("What would change it:"), " ", counterfactual]);
    }
    page
}

fn add_trace(page: &mut Text, trace: &[RuleVerdict]) {
    let widest =
        |text: fn(&RuleVerdict) -> &str| trace.iter().map(|it| text(it).chars().count()).max().unwrap_or(0);
    let (rules, verdicts) = (widest(|it| &it.rule), widest(|it| &it.verdict));
    for RuleVerdict { rule, verdict, evidence } in trace {
        let said = if evidence.is_empty() {
            format!("{rule:<rules$}  {verdict}")
        } else {
            format!("{rule:<rules$}  {verdict:<verdicts$}")
        };
        let said = match verdict.as_str() {
            "decides" | "overrules" => care(said),
            "not applicable" => dim(said),
            _ => Span::from(said),
        };
        let evidence = if evidence.is_empty() { String::new() } else { format!("  {evidence}") };
        page.line(line!["  ", said, evidence]);
    }
}

fn add_explanation(page: &mut Text, report: &Report) {
    if report.trace.is_empty() && report.counterfactual.is_none() && report.hints.is_empty() {
        return;
    }
    page.head("Explanation");
    add_trace(page, &report.trace);
    let title = head("What would change it:");
    match &report.counterfactual {
        // The host does not know whether the plugin has looked for changes.
        None if report.hints.is_empty() => page.line(line!["  ", title, " the plugin reports no change"]),
        None => page.line(line!["  ", title]),
        Some(counterfactual) => page.line(line!["  ", title, " ", counterfactual]),
    }
    for Hint { policy, settings, decision, note } in &report.hints {
        let whose = policy.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
        let so = match decision.as_str() {
            "linked" => "the accounts would be linked",
            "suggest" => "the user would be asked",
            "deny" => "the login would be denied",
            _ => "the login would continue unchanged",
        };
        page.line(format!("    With these keys in the policy{whose}, {so}:"));
        page.line(line!["      ", care(serde_json::Value::Object(settings.clone()).to_string())]);
        if let Some(note) = note {
            page.line(format!("      {note}"));
        }
    }
}

fn add_changes(page: &mut Text, changes: &[Change]) {
    page.head("Changes in the directory");
    if changes.is_empty() {
        page.line("  none");
    }
    for change in changes {
        match change {
            Change::Added { user_id } => page.line(line!["  ", good(format!("+ {user_id}"))]),
            Change::Removed { user_id } => {
                page.line(line!["  ", bad(format!("- {user_id}")), "  is no longer a separate user"]);
            }
            Change::Changed { field, .. } if field == "updated_at" => {}
            Change::Changed { user_id, field, before, after } => {
                let was =
                    if before.is_null() { String::new() } else { format!("{} → ", describe_value(before)) };
                let changed = format!("  {field}: {was}{}", describe_value(after));
                page.line(line!["  ", care(format!("~ {user_id}")), changed]);
            }
        }
    }
}

fn describe_value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn add_log(page: &mut Text, report: &Report) {
    if report.log.is_empty() {
        return;
    }
    page.head("Log of the plugin");
    for logged in &report.log {
        let level = format!("{:?}", logged.level).to_lowercase();
        page.line(line!["  ", dim(level), " ", &logged.message]);
    }
}

fn add_output(page: &mut Text, output: &PluginOutput) {
    for (title, stream) in
        [("Standard output of the plugin", &output.stdout), ("Standard error of the plugin", &output.stderr)]
    {
        if stream.is_empty() {
            continue;
        }
        page.head(title);
        for written in stream.trim_matches('\n').lines() {
            page.line(line!["  ", written]);
        }
    }
}

fn add_cost(page: &mut Text, report: &Report, limits: &Limits) {
    page.head("Cost");
    if let Some(cost) = &report.cost {
        let kib = |bytes: usize| group_thousands((bytes / 1024) as u64);
        let (fuel, memory) = (group_thousands(cost.fuel), kib(cost.memory_bytes));
        // Each of several policies has limits of its own.
        let (fuel, memory) = if report.policies.is_empty() {
            let limit = group_thousands(limits.fuel);
            (format!("{fuel} of {limit}"), format!("{memory} of {} KiB", kib(limits.memory_bytes)))
        } else {
            (format!("{fuel} for all policies"), format!("{memory} KiB for the largest policy"))
        };
        add_field(page, "fuel", fuel);
        add_field(page, "memory", memory);
        add_field(page, "host calls", cost.host_calls);
        add_field(page, "time", format!("{} µs", group_thousands(cost.time_us)));
    }
    if let Some(plugin) = &report.plugin {
        let plugin = format!("{}, {}, sha256 {}…", plugin.name, plugin.contract, &plugin.sha256[..12]);
        add_field(page, "plugin", plugin);
    }
}

/// Formats a number with commas: `50,000,000`.
#[must_use]
pub fn group_thousands(number: u64) -> String {
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
    use super::group_thousands;

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1000, 50_000_000].map(group_thousands), ["0", "999", "1,000", "50,000,000"]);
    }
}
