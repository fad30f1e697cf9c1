//! Attacks on the account page.

use std::sync::Arc;

use super::person::{Person, hidden_fields, users};
use crate::http::{Request, encoded, state_of};
use crate::tenants::{Tenant, shared};

crate::tests![
    a_form_of_another_origin_is_refused,
    a_form_without_or_with_anothers_token_is_refused,
    done_takes_known_words_only,
    names_of_500_characters_tags_and_bidi_are_text,
];

fn tenant() -> Arc<Tenant> {
    shared("account", || Tenant::with(&users()))
}

/// On https, the browser sends the session's cookie along with a form of any site.
fn a_form_of_another_origin_is_refused() {
    let mut ada = Person::at(&tenant()).logged_in("ada@example.com");
    let page = ada.page("/account");
    let fields = hidden_fields(&page, "/account/log-out");
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    for (name, value) in [
        ("origin", "http://evil.test"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let form = Request::post("/account/log-out").form(&fields).header(name, value);
        let answer = ada.browser.send(form);
        assert_eq!(answer.status, 403, "{name}: {value}");
        assert!(answer.text().contains("another site"), "{}", answer.text());
    }
    assert!(ada.page("/account").contains("Your account"), "nobody was logged out");
}

fn a_form_without_or_with_anothers_token_is_refused() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let theirs = hidden_fields(&bob.page("/account"), "/account/log-out").remove(0).1;
    for token in ["", "x", &theirs] {
        let answer = ada.browser.submit("/account/log-out", &[("form", token)]);
        assert_eq!(answer.status, 400, "{token}");
        assert!(answer.text().contains("has expired"), "{}", answer.text());
    }
    assert_eq!(ada.browser.submit("/account/log-out", &[]).status, 400);
    assert!(ada.page("/account").contains("Your account"), "nobody was logged out");
    let refused = |line: &serde_json::Value| line["message"] == "a form of the account page was refused";
    assert!(tenant.log_of("audit").iter().any(refused));
}

fn done_takes_known_words_only() {
    let mut ada = Person::at(&tenant()).logged_in("ada@example.com");
    assert!(ada.page("/account?done=linked").contains("The way to log in was added."));
    let typed = ada.page("/account?done=Call+0900+for+your+password");
    assert!(!typed.contains("0900") && !typed.contains("role=\"status\""), "{typed}");
}

/// The worst case is a page of few bytes, too.
fn names_of_500_characters_tags_and_bidi_are_text() {
    let mut eve = Person::at(&tenant());
    let login = eve.get("/account");
    let script = "</script><img src=x onerror=alert(1)>\u{202e}";
    let name = script.to_owned() + &"é".repeat(500 - script.chars().count());
    let id = format!("evil</script><img>{}", "x".repeat(200));
    let fields = [
        ("state", &*state_of(&login)),
        ("connection", "github"),
        ("user_id", &id),
        ("name", &name),
        ("email", "eve@example.com"),
    ];
    assert_eq!(eve.browser.submit("/u/stand-in", &fields).status, 302);
    for target in ["/account".to_owned(), format!("/account?{}", encoded(&[("done", script)]))] {
        let page = eve.page(&target);
        assert!(
            !page.contains("<img") && !page.contains("</script>") && !page.contains('\u{202e}'),
            "{page}"
        );
        assert!(page.contains("&#60;/script&#62;&#60;img"), "{page}");
        assert!(page.len() <= 30_000, "{}", page.len());
    }
}
