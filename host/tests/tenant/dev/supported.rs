//! `docs/supported.md` says what the tenant answers.

use crate::http::Request;
use crate::tenants::Tenant;

crate::tests![each_row_of_supported_md_is_answered_so];

const PAGE: &str = include_str!("../../../../docs/supported.md");

/// Sends each request without a token: an endpoint that exists answers 401, a missing one 501 or
/// 405.
fn each_row_of_supported_md_is_answered_so() {
    let tenant = Tenant::with("");
    let mut wrong = Vec::new();
    let mut rows = 0;
    for row in PAGE.lines().filter(|line| line.contains("| `/api/v2/")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, method, path, _, here, _] = cells[..] else { panic!("six cells: {row}") };
        let parts: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let status = tenant.send(&Request::new(method, parts.join("/"))).status;
        let is_so = if here == "no" { matches!(status, 501 | 405) } else { status == 401 };
        if !is_so {
            wrong.push(format!("{status}: {row}"));
        }
        rows += 1;
    }
    assert!(rows > 400, "{rows} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
