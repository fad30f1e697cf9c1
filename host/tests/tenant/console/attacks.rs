//! Attacks on the console.

use super::desk::{ADA, ADAS_GOOGLE, Desk, unchanged, users};
use crate::account::person::hidden_fields;
use crate::http::{Request, encoded};
use crate::tenants::Tenant;

crate::tests![
    a_form_of_another_origin_is_refused,
    a_form_without_its_own_token_is_refused,
    a_token_of_another_process_is_refused,
    another_host_is_refused,
    a_form_that_is_too_large_is_refused,
    names_of_500_characters_tags_and_bidi_are_text,
    typed_texts_are_text,
    done_takes_known_words_only,
];

/// The fields of the form that merges Google into Ada's account.
fn merge_fields(desk: &mut Desk) -> Vec<(String, String)> {
    let preview = desk.preview(ADA, ADAS_GOOGLE);
    let mut fields = hidden_fields(&preview, "/console/merge");
    fields.push(("reason".to_owned(), "ticket 7".to_owned()));
    fields
}

fn as_fields(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (&**name, &**value)).collect()
}

fn a_form_of_another_origin_is_refused() {
    let tenant = unchanged();
    let mut desk = Desk::at(&tenant);
    let fields = merge_fields(&mut desk);
    for (name, value) in [
        ("origin", "http://evil.test"),
        ("origin", "http://localhost:3000"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let form = Request::post("/console/merge").form(&as_fields(&fields)).header(name, value);
        let answer = desk.browser.send(form);
        assert_eq!(answer.status, 403, "{name}: {value}");
        assert!(answer.text().contains("another site"), "{}", answer.text());
    }
    assert_eq!(tenant.user(ADAS_GOOGLE).status, 200, "nothing was merged");
    let refused = |line: &serde_json::Value| line["message"] == "a form of the console was refused";
    assert!(tenant.log_of("audit").iter().any(refused));
}

fn a_form_without_its_own_token_is_refused() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let fields = merge_fields(&mut desk);
    let entry = desk.merge(ADA, "auth0|bob");
    let undo = hidden_fields(&desk.page(&format!("{entry}/undo")), &format!("{entry}/undo"));
    for token in ["", "x", &undo[0].1] {
        let mut fields = fields.clone();
        fields[0].1 = token.to_owned();
        let answer = desk.browser.submit("/console/merge", &as_fields(&fields));
        assert_eq!(answer.status, 400, "{token}");
        assert!(answer.text().contains("has expired"), "{}", answer.text());
    }
    assert_eq!(desk.browser.submit("/console/merge", &as_fields(&fields[1..])).status, 400);
    assert_eq!(tenant.user(ADAS_GOOGLE).status, 200, "nothing was merged");
}

fn a_token_of_another_process_is_refused() {
    let fields = merge_fields(&mut Desk::at(&unchanged()));
    let tenant = Tenant::with(&users());
    let answer = Desk::at(&tenant).browser.submit("/console/merge", &as_fields(&fields));
    assert_eq!(answer.status, 400, "{}", answer.text());
}

/// A site whose name resolves to this machine (DNS rebinding).
fn another_host_is_refused() {
    let answer = unchanged().send(&Request::get("/console/users?q=auth0").header("host", "evil.test:4480"));
    assert_eq!(answer.status, 421);
    assert!(!answer.text().contains("auth0|"), "{}", answer.text());
}

fn a_form_that_is_too_large_is_refused() {
    let mut desk = Desk::at(&unchanged());
    let long = "x".repeat(20_000);
    let answer = desk
        .browser
        .submit("/console/merge", &[("a", &long[..7_000]), ("b", &long[..7_000]), ("c", &long[..7_000])]);
    assert_eq!(answer.status, 400);
}

fn names_of_500_characters_tags_and_bidi_are_text() {
    let script = "</script><img src=x onerror=alert(1)>\u{202e}";
    let name = script.to_owned() + &"é".repeat(500 - script.chars().count());
    let id = format!("github|evil</script><img>{}", "x".repeat(200));
    // TOML has another notation for the bidi control than Rust.
    let [id_toml, name_toml] = [&id, &name].map(|text| serde_json::Value::from(&**text).to_string());
    let eve = format!(
        "\n[[connections]]\nname = \"github\"\nstrategy = \"github\"\n[[users]]\nuser_id = {id_toml}\nname = {name_toml}\n\
         email = \"eve@example.com\"\nconnection = \"github\"\n\
         user_metadata = {{ {name_toml} = {name_toml} }}\napp_metadata = {{ linking = {{ {name_toml} = {name_toml} }} }}\n"
    );
    let tenant = Tenant::with(&format!("{}{eve}", users()));
    let mut desk = Desk::at(&tenant);
    let user = format!("/console/users/{}", encoded(&[("", &id)]).trim_start_matches('='));
    let entry = desk.merge(ADA, &id);
    let undo = desk.page(&format!("{entry}/undo"));
    let pages = [
        desk.page("/console"),
        desk.page("/console/journal"),
        desk.page(&entry),
        undo.clone(),
        desk.get(&user).text(),
    ];
    assert_eq!(desk.submit(&undo, &format!("{entry}/undo"), &[]).status, 303);
    let more = [
        desk.page(&user),
        desk.page("/console/users?q=eve%40example.com"),
        desk.preview(ADA, &id),
        desk.preview(&id, ADA),
    ];
    for page in pages.iter().chain(&more) {
        assert!(
            !page.contains("<img") && !page.contains("</script>") && !page.contains('\u{202e}'),
            "{page}"
        );
        assert!(page.contains("&#60;/script&#62;&#60;img"), "{page}");
        assert!(page.len() <= 30_000, "{}", page.len());
    }
}

fn typed_texts_are_text() {
    let mut desk = Desk::at(&unchanged());
    let script = "\"'><script>alert(1)</script>\u{202e}";
    for (path, name) in [
        ("/console/users", "q"),
        ("/console/journal", "user"),
        ("/console/merge", "keep"),
        ("/console/merge", "reason"),
    ] {
        let page = desk.get(&format!("{path}?{}&move=x", encoded(&[(name, script)]))).text();
        assert!(!page.contains("<script") && !page.contains("\"'>"), "{path}: {page}");
    }
}

fn done_takes_known_words_only() {
    let tenant = Tenant::with(&users());
    let mut desk = Desk::at(&tenant);
    let entry = desk.merge(ADA, ADAS_GOOGLE);
    assert!(desk.page(&format!("{entry}?done=merged")).contains("The accounts were merged."));
    let typed = desk.page(&format!("{entry}?done=Call+0900"));
    assert!(!typed.contains("0900") && !typed.contains("role=\"status\""), "{typed}");
}
