//! The pages: what they show, and how they are guarded.

use super::desk::{ADA, ADAS_GOOGLE, Desk, merge_of, unchanged, unescape, users};
use crate::http::{Request, encoded};
use crate::tenants::{CONFIG, Tenant, by_google};

crate::tests![
    the_console_is_off_unless_it_is_enabled,
    a_user_is_found_by_id_identity_address_and_beginning,
    never_more_than_50_users_are_listed,
    a_user_page_shows_identities_marks_and_metadata_keys,
    a_user_page_shows_the_last_login_of_each_identity,
    a_linked_identity_leads_to_its_user,
    unknown_users_and_entries_are_not_there,
    the_journal_has_pages,
    pages_are_guarded_and_small,
    each_view_of_a_user_is_audited,
    a_reset_empties_the_console,
];

fn the_console_is_off_unless_it_is_enabled() {
    for config in [CONFIG.to_owned(), format!("{CONFIG}\n[console]\nenabled = false\n")] {
        let tenant = Tenant::configured(&config, &[]);
        for path in ["/console", "/console/users", "/console/merge"] {
            assert_eq!(tenant.send(&Request::get(path)).status, 404, "{path}");
        }
    }
}

fn a_user_is_found_by_id_identity_address_and_beginning() {
    let mut desk = Desk::at(&unchanged());
    for (query, found, not_found) in [
        (ADA, vec!["auth0|ada"], vec!["auth0|bob", "google-oauth2|1080"]),
        (ADAS_GOOGLE, vec!["google-oauth2|1080"], vec!["auth0|ada"]),
        (" ADA@example.com ", vec!["auth0|ada", "google-oauth2|1080"], vec!["auth0|bob"]),
        ("auth0|", vec!["auth0|ada", "auth0|bob"], vec!["google-oauth2|1080"]),
    ] {
        let page = desk.page(&format!("/console/users?{}", encoded(&[("q", query)])));
        for id in found {
            assert!(page.contains(&format!(">{id}</a>")), "{query}: {page}");
        }
        for id in not_found {
            assert!(!page.contains(&format!(">{id}</a>")), "{query}: {page}");
        }
    }
    assert!(desk.page("/console/users?q=nobody").contains("No user is found by nobody."));
    assert!(!desk.page("/console/users").contains("No user is found"));
}

fn never_more_than_50_users_are_listed() {
    let many: String = (0..60)
        .map(|n| crate::tenants::database_user(&format!("n{n}"), &format!("n{n}@example.com")))
        .collect();
    let tenant = Tenant::with(&format!("{}{many}", users()));
    let page = Desk::at(&tenant).page("/console/users?q=auth0%7Cn");
    assert!(page.contains("More than 50 users"), "{page}");
    assert_eq!(page.matches("<tr><td><a href").count(), 50);
    assert!(page.len() <= 30_000, "{}", page.len());
}

fn a_user_page_shows_identities_marks_and_metadata_keys() {
    let more = "\n[[users]]\nuser_id = \"auth0|eve\"\nemail = \"eve@example.com\"\nname = \"Eve\"\n\
                connection = \"Username-Password-Authentication\"\n\
                app_metadata = { no_link = true, linking = { opt_out = true } }\n";
    let tenant = Tenant::with(&format!("{}{more}", users()));
    let mut desk = Desk::at(&tenant);
    let page = desk.page("/console/users/google-oauth2%7C1080");
    for words in [
        "<h1>google-oauth2|1080</h1>",
        "ada@example.com, verified",
        "keys: lang, theme",
        "keys: plan",
        "<strong>(primary)</strong>",
        "2026-01-01 00:00:00 UTC",
        "The journal has no entry about this user.",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let page = desk.page("/console/users/auth0%7Ceve");
    for words in
        ["eve@example.com, not verified", "<dt>no_link</dt><dd>true</dd>", "<dt>linking.opt_out</dt>"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
}

fn a_user_page_shows_the_last_login_of_each_identity() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    desk.merge(ADA, ADAS_GOOGLE);
    let last_login = |page: &str, identity: &str| {
        let row = page.split("<tr>").find(|row| row.starts_with(&format!("<td>{identity}")));
        let row = row.unwrap_or_else(|| panic!("no {identity}: {page}"));
        row.trim_end().rsplit("<td>").next().map(str::to_owned).expect("a cell")
    };
    let page = desk.page("/console/users/auth0%7Cada");
    for identity in [ADA, ADAS_GOOGLE] {
        assert!(last_login(&page, identity).starts_with("not known"), "{page}");
    }
    by_google(&mut tenant.browser(), "1080", &[]);
    let page = desk.page("/console/users/auth0%7Cada");
    assert!(last_login(&page, ADA).starts_with("not known"), "{page}");
    assert!(last_login(&page, ADAS_GOOGLE).contains(" UTC"), "{page}");
}

fn a_linked_identity_leads_to_its_user() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    desk.merge(ADA, ADAS_GOOGLE);
    let page = desk.get("/console/users/google-oauth2%7C1080");
    assert_eq!(page.status, 404);
    assert!(page.text().contains("google-oauth2|1080 is an identity of auth0|ada"), "{}", page.text());
    assert!(page.text().contains("href=\"/console/users/auth0%7Cada\""), "{}", page.text());
    let found = desk.page("/console/users?q=google-oauth2%7C1080");
    assert!(found.contains(">auth0|ada</a>"), "{found}");
}

fn unknown_users_and_entries_are_not_there() {
    let mut desk = Desk::at(&unchanged());
    for path in [
        "/console/users/auth0%7Cnobody",
        "/console/users/%ff",
        "/console/journal/7",
        "/console/journal/299782e5-6dba-45a6-92b9-5667e90c1840",
        "/console/journal/299782e5-6dba-45a6-92b9-5667e90c1840/undo",
        "/console/journal?before=7",
        "/console/journal?before=299782e5-6dba-45a6-92b9-5667e90c1840",
    ] {
        let page = desk.get(path);
        assert!([400, 404].contains(&page.status), "{path}: {}", page.status);
    }
    for path in ["/console/users?q=a&q=b".to_owned(), format!("/console/users?q={}", "x".repeat(9_000))] {
        assert_eq!(desk.get(&path).status, 400, "{path}");
    }
}

fn the_journal_has_pages() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    for _ in 0..9 {
        let entry = desk.merge(ADA, ADAS_GOOGLE);
        let preview = desk.page(&format!("{entry}/undo"));
        assert_eq!(desk.submit(&preview, &format!("{entry}/undo"), &[]).status, 303);
    }
    let rows = |page: &str| page.matches("<tr><td><a href").count();
    let first = desk.page("/console/journal?user=auth0%7Cada");
    assert_eq!(rows(&first), 15);
    let older =
        first.split_once("<p><a href=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a link").0;
    let second = desk.page(&unescape(older));
    assert_eq!(rows(&second), 3, "{second}");
    assert_eq!(rows(&desk.page("/console/journal?user=auth0%7Cbob")), 0);
}

fn pages_are_guarded_and_small() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    for path in [
        "/console".to_owned(),
        "/console/users?q=auth0".to_owned(),
        "/console/users/auth0%7Cada".to_owned(),
        "/console/journal".to_owned(),
        format!("{entry}/undo"),
        entry,
        merge_of("auth0|ada", "auth0|bob", &[]),
    ] {
        let page = desk.get(&path);
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        let policy = page.header("content-security-policy").unwrap_or_else(|| panic!("{path}: no policy"));
        for rule in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{path}: {policy}");
        assert!(!page.text().contains("<script") && !page.text().contains(" style="), "{path}");
        for (name, value) in [
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}: {name}");
        }
        assert!(page.body.len() <= 30_000, "{path}: {}", page.body.len());
        // The origin of an application, which may read the tenant's APIs.
        let foreign = tenant.send(&Request::get(&*path).header("origin", "http://localhost:3000"));
        assert_eq!(foreign.header("access-control-allow-origin"), None, "{path}");
    }
}

fn each_view_of_a_user_is_audited() {
    let more = crate::tenants::user("email|eve@corp.com", "eve@corp.com", "email");
    let tenant = Tenant::with(&format!("{}{more}", users()));
    Desk::at(&tenant).page("/console/users/email%7Ceve%40corp.com");
    Desk::at(&tenant).page("/console/users?q=eve%40corp.com");
    let lines = tenant.log_of("audit");
    for action in ["show a user", "find users"] {
        let line = lines.iter().find(|line| line["action"] == action);
        let line = line.unwrap_or_else(|| panic!("{action}: {lines:?}"));
        assert_eq!(line["operator"], "local");
        assert!(line["subject"].as_str().is_some_and(|it| it.contains("e…@corp.com")), "{line}");
    }
    assert!(!tenant.running.log().contains("eve@corp.com"), "{}", tenant.running.log());
}

fn a_reset_empties_the_console() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    assert_eq!(tenant.send(&Request::post("/dev/reset")).status, 204);
    assert_eq!(desk.get(&entry).status, 404);
    assert!(desk.page("/console").contains("The journal is empty."));
    desk.merge(ADA, ADAS_GOOGLE);
}
