//! `docs/supported.md` says what the tenant answers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::http::Request;
use crate::tenants::Tenant;

crate::tests![
    each_row_of_supported_md_is_answered_so,
    each_answer_has_the_form_that_supported_md_gives_it,
    each_absent_path_of_the_authentication_api_is_answered_so,
];

const PAGE: &str = include_str!("../../../../docs/supported.md");

/// A row of the Management API: method, path, and the answer in words.
fn rows() -> Vec<(&'static str, String, &'static str)> {
    let rows = PAGE.lines().filter(|line| line.contains("| `/api/v2/")).map(|row| {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, method, path, _, here, _] = cells[..] else { panic!("six cells: {row}") };
        let parts: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        (method, parts.join("/"), here)
    });
    rows.collect()
}

/// Sends each request without a token: an endpoint that exists answers 401, a missing one 501 or
/// 405.
fn each_row_of_supported_md_is_answered_so() {
    let tenant = Tenant::with("");
    let rows = rows();
    assert!(rows.len() > 400, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for (method, path, here) in rows {
        let status = tenant.send(&Request::new(method, &*path)).status;
        let is_so = if here == "no" { matches!(status, 501 | 405) } else { status == 401 };
        if !is_so {
            wrong.push(format!("{status}: {method} {path} {here}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The scopes that the reading endpoints require, as their refusals name them.
fn find_read_scopes() -> BTreeSet<String> {
    let tenant = Tenant::with(&machine(&["read:users".to_owned()].into()));
    let token = tenant.client_token("machine");
    let mut scopes = BTreeSet::from(["read:users".to_owned()]);
    for (_, path, _) in rows().into_iter().filter(|(method, ..)| *method == "GET") {
        let response = tenant.send(&Request::get(&*path).bearer(&token));
        if let Some((_, wanted)) = response.text().split_once("expected any of: ") {
            let wanted = wanted.split('"').next().unwrap_or_default().split(',');
            scopes.extend(wanted.map(|scope| scope.trim().to_owned()));
        }
    }
    assert!(scopes.len() > 20, "{scopes:?}");
    scopes
}

fn machine(scopes: &BTreeSet<String>) -> String {
    format!(
        "\n[[clients]]\nclient_id = \"machine\"\nname = \"A machine\"\n\
         client_secret = \"the secret of the machine\"\ngrant_types = [\"client_credentials\"]\nscopes = {scopes:?}\n"
    )
    .replace(['{', '}'], "")
    .replacen("scopes = ", "scopes = [", 1)
        + "]\n"
}

/// Sends each reading request with every scope.
fn each_answer_has_the_form_that_supported_md_gives_it() {
    let tenant = Tenant::with(&machine(&find_read_scopes()));
    let token = tenant.client_token("machine");
    let mut wrong = Vec::new();
    for (_, path, here) in rows().into_iter().filter(|(method, ..)| *method == "GET") {
        let response = tenant.send(&Request::get(&*path).bearer(&token));
        let (status, body) = (response.status, serde_json::from_slice(&response.body).unwrap_or(Value::Null));
        let is_so = match here {
            // The resource `x` of a path does not exist.
            "yes" => matches!(status, 200 | 400 | 404),
            "an empty list" => status == 200 && is_empty_list(&body),
            "off" => status == 200 && body["enabled"] == false,
            "no settings" => status == 200 && body == serde_json::json!({}),
            "403" => status == 403 && body["errorCode"] == "feature_not_enabled",
            "404" => status == 404,
            "no" => matches!(status, 501 | 405),
            _ => matches!(status, 200 | 404),
        };
        if !is_so {
            wrong.push(format!("{status} {body}: {path} {here}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A list, or an object with one, without elements.
fn is_empty_list(body: &Value) -> bool {
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    is_empty(body) || body.as_object().is_some_and(|object| object.values().any(is_empty))
}

fn each_absent_path_of_the_authentication_api_is_answered_so() {
    let tenant = Tenant::with("");
    let paths: BTreeSet<&str> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("…` | ").map(|(path, _)| path))
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        for method in ["GET", "POST"] {
            assert_eq!(tenant.send(&Request::new(method, path)).status, 501, "{method} {path}");
        }
    }
}
