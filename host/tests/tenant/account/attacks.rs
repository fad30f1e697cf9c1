//! Attacks on the account page.

use std::sync::Arc;

use serde_json::json;

use super::add::identities;
use super::person::{Person, github, hidden_fields, users};
use crate::http::{Request, encoded, state_of};
use crate::tenants::{Tenant, shared};

crate::tests![
    a_form_of_another_origin_is_refused,
    a_form_without_or_with_anothers_token_is_refused,
    done_takes_known_words_only,
    names_of_500_characters_tags_and_bidi_are_text,
    s_84_a_link_url_in_another_session_links_nothing,
    s_85_a_proof_is_stale_after_a_change,
    a_session_that_was_replaced_does_not_confirm,
    a_proof_is_used_once,
    two_tabs_with_two_proofs_link_each_once,
    two_tabs_with_one_login_add_it_once,
    the_owner_logs_out_meanwhile,
    a_reset_meanwhile_ends_the_proof,
    a_proof_of_the_own_account,
    a_proof_of_an_account_of_somebody_elses_cluster,
    two_owners_prove_one_new_login,
    a_blocked_second_account,
    an_account_that_the_policy_names_is_not_added,
    an_identity_digest_of_another_account,
    for_and_keep_take_known_words_only,
];

fn tenant() -> Arc<Tenant> {
    shared("account", || Tenant::with(&users()))
}

/// Over https, a browser sends the session's cookie with a form of any site.
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

/// The attacker proves an account of their own, and lures the owner to the preview.
fn s_84_a_link_url_in_another_session_links_nothing() {
    let tenant = Tenant::with(&users());
    let mut eve = Person::at(&tenant).logged_in("bob@example.com");
    let prepared = eve.prove_github("666");
    let form = eve.page(&prepared);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let lured = ada.get(&prepared);
    assert_eq!((lured.status, lured.text().contains("another browser")), (403, true), "{}", lured.text());
    // The attacker's form has no token of the owner's session.
    assert_eq!(ada.submit(&form, "/account/link", &[]).status, 400);
    // A right token does not help.
    let own = ada.prove_google();
    let own = ada.page(&own);
    let state = prepared.split_once("state=").expect("a state").1;
    assert_eq!(ada.submit(&own, "/account/link", &[("state", state)]).status, 403);
    assert_eq!(ada.submit(&own, "/account/link/cancel", &[("state", state)]).status, 403);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    // The proof is not used up.
    assert_eq!(eve.confirm(&prepared).status, 303);
}

fn s_85_a_proof_is_stale_after_a_change() {
    let tenant = Tenant::with(&format!("{}{}", users(), ADMINISTRATION));
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    let change = json!({ "user_metadata": { "theme": "light" } });
    patch(&tenant, "google-oauth2|1080", &change);
    let late = ada.submit(&page, "/account/link", &[]);
    assert_eq!(late.status, 409);
    assert!(late.text().contains("has changed since") && late.text().contains("theme"), "{}", late.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    // The new preview can be confirmed.
    assert_eq!(ada.submit(&late.text(), "/account/link", &[]).status, 303);
}

fn a_session_that_was_replaced_does_not_confirm() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    // Another user of the computer logs in in the same browser.
    let again = state_of(&ada.get("/dev/log-in?client_id=web"));
    ada.by_password(&again, "bob@example.com");
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 400);
    assert_eq!(ada.get(&preview).status, 403);
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
}

fn a_proof_is_used_once() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    let clicks: Vec<u16> = std::thread::scope(|scope| {
        let click = || {
            scope.spawn(|| Person { browser: ada.browser.clone() }.submit(&page, "/account/link", &[]).status)
        };
        [click(), click(), click()].map(|click| click.join().expect("an answer")).into()
    });
    assert_eq!(clicks.iter().filter(|status| **status == 303).count(), 1, "{clicks:?}");
    assert!(clicks.iter().all(|status| [303, 400].contains(status)), "{clicks:?}");
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

fn two_tabs_with_two_proofs_link_each_once() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let (one, two) = (ada.prove_google(), ada.prove_github("7"));
    let (one, two) = (ada.page(&one), ada.page(&two));
    assert_eq!(ada.submit(&one, "/account/link", &[]).status, 303);
    let late = ada.submit(&two, "/account/link", &[]);
    assert_eq!(late.status, 409, "the account has another login by now");
    assert_eq!(tenant.user("github|7").status, 404);
    assert_eq!(ada.submit(&late.text(), "/account/link", &[]).status, 303);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|1080", "github|7"]);
}

fn two_tabs_with_one_login_add_it_once() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let (one, two) = (ada.prove_google(), ada.prove_google());
    let (first, second) = (ada.page(&one), ada.page(&two));
    assert_eq!(ada.submit(&first, "/account/link", &[]).status, 303);
    let late = ada.submit(&second, "/account/link", &[]);
    assert_eq!(late.status, 403);
    for page in [late.text(), ada.page(&two)] {
        assert!(page.contains("<h1>You have this login already</h1>"), "{page}");
        assert!(page.contains("You already log in to this account in that way."), "{page}");
        assert!(!page.contains("one account"), "{page}");
    }
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|1080"]);
}

fn the_owner_logs_out_meanwhile() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let (page, state) = (ada.page(&preview), ada.begin_adding());
    let account = ada.page("/account");
    ada.submit(&account, "/account/log-out", &[]);
    assert!(ada.submit(&page, "/account/link", &[]).location().contains("/u/login"));
    let proved = ada.stand_in(&state, "github", &github("7"));
    assert_eq!((proved.status, proved.text().contains("logged out")), (403, true), "{}", proved.text());
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

fn a_reset_meanwhile_ends_the_proof() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    let preview = ada.by_password(&state, "bob@example.com").location();
    let page = ada.page(&preview);
    // Bob notices that somebody has his password.
    let mut bob = Person::at(&tenant);
    let login = bob.get("/account");
    let fields = [
        ("state", &*state_of(&login)),
        ("connection", crate::tenants::DATABASE),
        ("email", "bob@example.com"),
    ];
    bob.browser.submit("/u/forgot", &fields);
    let link = crate::tenants::text(&tenant.send(&Request::get("/dev/outbox")).json()[0]["link"]);
    let ticket = link.split_once("ticket=").expect("a ticket").1;
    let reset = bob.browser.submit("/u/reset", &[("ticket", ticket), ("password", "another good password")]);
    assert_eq!(reset.status, 200, "{}", reset.text());
    assert_eq!(ada.get(&preview).status, 403);
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 403);
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
}

fn a_proof_of_the_own_account() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    let preview = ada.by_password(&state, "ada@example.com").location();
    let page = ada.page(&preview);
    assert!(page.contains("You already log in to this account in that way."), "{page}");
    assert!(!page.contains("Make them one account</button>"), "{page}");
}

/// A linked login that two people share must not lead one of them into the whole account.
fn a_proof_of_an_account_of_somebody_elses_cluster() {
    let tenant = Tenant::with(&users());
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let preview = bob.prove_google();
    let refused = bob.get(&preview);
    assert_eq!(
        (refused.status, refused.text().contains("the main login of that account")),
        (403, true),
        "{}",
        refused.text()
    );
    let own = bob.prove_github("7");
    let own = bob.page(&own);
    let state = preview.split_once("state=").expect("a state").1;
    assert_eq!(bob.submit(&own, "/account/link", &[("state", state)]).status, 403);
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
    // The main login proves the whole account.
    let state = bob.begin_adding();
    let preview = bob.by_password(&state, "ada@example.com").location();
    assert!(bob.page(&preview).contains("the other one: Password ada@example.com; Google ada@example.com;"));
    assert_eq!(bob.confirm(&preview).status, 303);
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob", "auth0|ada", "google-oauth2|1080"]);
}

/// Two owners prove one account before it exists. The second link must not take the account from
/// the first owner.
fn two_owners_prove_one_new_login() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let (adas, bobs) = (ada.prove_github("7"), bob.prove_github("7"));
    let late = bob.page(&bobs);
    assert_eq!(ada.confirm(&adas).status, 303);
    assert_eq!(bob.submit(&late, "/account/link", &[]).status, 403);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "github|7"]);
    assert_eq!(identities(&tenant, "auth0|bob"), ["auth0|bob"]);
}

fn a_blocked_second_account() {
    let tenant = Tenant::with(&format!("{}{}", users(), ADMINISTRATION));
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    patch(&tenant, "google-oauth2|1080", &json!({ "blocked": true }));
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 403);
    let again = ada.get(&preview).text();
    assert!(!again.contains("Make them one account</button>"), "{again}");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

/// The policy names one account by its id, and another one by a role.
fn an_account_that_the_policy_names_is_not_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("policy.json");
    let named =
        json!({ "mode": "off", "privileged": { "roles": ["billing"], "user_ids": ["google-oauth2|1080"] } });
    std::fs::write(&policy, named.to_string()).expect("a file");
    let tenant = Tenant::started(&users(), &["--policy", &policy.display().to_string()]);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    assert!(page.contains("One of the accounts has special rights. Ask support."), "{page}");
    assert!(!page.contains("Make them one account</button>"), "{page}");
    let preview = ada.prove_github("7");
    assert_eq!(ada.confirm(&preview).status, 303, "others are added");
    assert_eq!(identities(&tenant, "google-oauth2|1080"), ["google-oauth2|1080"]);
}

fn an_identity_digest_of_another_account() {
    let tenant = Tenant::with(&users());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com").with_google();
    let target = ada.removal_of("Google");
    let page = ada.page(&target);
    let mut bob = Person::at(&tenant).logged_in("bob@example.com");
    let preview = bob.prove_github("7");
    bob.confirm(&preview);
    assert_eq!(bob.get(&target).status, 400);
    let own = bob.removal_of("GitHub");
    let own = bob.page(&own);
    let theirs = hidden_fields(&page, "/account/remove")
        .into_iter()
        .find(|(name, _)| name == "identity")
        .expect("one")
        .1;
    assert_eq!(bob.submit(&own, "/account/remove", &[("identity", &theirs)]).status, 400);
    assert_eq!(identities(&tenant, "auth0|ada").len(), 2);
}

fn for_and_keep_take_known_words_only() {
    let mut ada = Person::at(&tenant()).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&format!("{preview}&keep=https://evil.test&metadata=%3Cscript%3E"));
    assert!(page.contains("value=\"this\" checked") && page.contains("value=\"fill\" checked"), "{page}");
    assert!(!page.contains("evil.test") && !page.contains("<script"), "{page}");
}

/// A client that may do everything to users.
pub(super) const ADMINISTRATION: &str = "\n[[clients]]\nclient_id = \"administration\"\n\
     client_secret = \"the secret of the administration\"\ngrant_types = [\"client_credentials\"]\n\
     scopes = [\"read:users\", \"update:users\"]\n";

pub(super) fn patch(tenant: &Tenant, user_id: &str, change: &serde_json::Value) {
    let id: String = url::form_urlencoded::byte_serialize(user_id.as_bytes()).collect();
    let request = Request::new("PATCH", format!("/api/v2/users/{id}")).json(change);
    let answer = tenant.send(&request.bearer(&tenant.client_token("administration")));
    assert_eq!(answer.status, 200, "{}", answer.text());
}
