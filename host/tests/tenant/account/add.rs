//! Adding another way to log in.

use serde_json::{Value, json};

use super::person::{Person, github, users};
use crate::http::state_of;
use crate::tenants::{DATABASE, PASSWORD, REALM_GRANT, Tenant, by_google, database_user, redeem, user};

crate::tests![
    a_second_proof_logs_nobody_in_and_creates_nobody,
    a_new_login_is_created_with_the_link_only,
    an_existing_account_is_added,
    either_account_can_stay,
    settings_are_previewed_and_taken_as_chosen,
    another_choice_than_the_shown_one_is_shown_first,
    settings_are_not_lost_by_default,
    a_mail_verifies_the_address_of_a_second_account,
    a_mail_verifies_the_own_address,
    an_unverified_login_is_not_added,
    refresh_tokens_of_the_moved_identities_end,
    a_cancelled_link_uses_up_the_proof,
    a_proof_can_be_given_up,
    nobody_signs_up_for_a_proof,
    a_link_is_in_the_journal_with_its_proof,
];

fn tenant() -> Tenant {
    Tenant::with(&users())
}

pub(super) fn identities(tenant: &Tenant, user_id: &str) -> Vec<String> {
    let user = tenant.user(user_id);
    assert_eq!(user.status, 200, "{user_id}: {}", user.text());
    let id = |identity: &Value| format!("{}|{}", identity["provider"], identity["user_id"]).replace('"', "");
    user.json()["identities"].as_array().expect("a list").iter().map(id).collect()
}

fn a_second_proof_logs_nobody_in_and_creates_nobody() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let cookies = ada.browser.cookies.clone();
    let preview = ada.prove_github("7");
    assert_eq!(ada.browser.cookies, cookies, "the session is the same");
    assert_eq!(tenant.user("github|7").status, 404);
    let page = ada.page(&preview);
    assert!(page.contains("a new login, without an account: Ada, GitHub ada@github.test"), "{page}");
    assert_eq!(tenant.user("github|7").status, 404, "a preview creates nobody");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

fn a_new_login_is_created_with_the_link_only() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_github("7");
    let end = ada.confirm(&preview);
    assert_eq!((end.status, end.location().ends_with("/account?done=linked")), (303, true), "{}", end.text());
    let page = ada.page("/account?done=linked");
    assert!(
        page.contains("The way to log in was added.") && page.contains("<strong>GitHub</strong>"),
        "{page}"
    );
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "github|7"]);
    // The new login leads to the account.
    let mut elsewhere = Person::at(&tenant);
    let login = elsewhere.get("/account");
    elsewhere.stand_in(&state_of(&login), "github", &github("7"));
    assert!(elsewhere.page("/account").contains("<strong>Password</strong> a***@example.com (main login)"));
}

fn an_existing_account_is_added() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    for words in
        ["this account: Password ada@example.com;", "the other one: Google ada@example.com;", "1 login"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    ada.confirm(&preview);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "google-oauth2|1080"]);
    assert_eq!(tenant.user("google-oauth2|1080").status, 404);
}

fn either_account_can_stay() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&format!("{preview}&keep=other"));
    assert!(page.contains("value=\"other\" checked"), "{page}");
    let end = ada.submit(&page, "/account/link", &[]);
    assert_eq!(end.status, 303, "{}", end.text());
    assert_eq!(identities(&tenant, "google-oauth2|1080"), ["google-oauth2|1080", "auth0|ada"]);
    // The session names the identity, whose owner is the other account now.
    assert!(ada.page("/account").contains("<strong>Google</strong> a***@example.com (main login)"));
}

fn settings_are_previewed_and_taken_as_chosen() {
    let wanted = [
        (
            "keep",
            json!({ "theme": "dark" }),
            ["theme stays “dark”", "lang “en” is lost", "theme “light” is lost"],
        ),
        (
            "fill",
            json!({ "theme": "dark", "lang": "en" }),
            ["theme stays", "lang “en” is taken over", "theme “light” is lost"],
        ),
        (
            "take",
            json!({ "theme": "light", "lang": "en" }),
            ["theme “dark” becomes “light”", "lang “en” is", "taken over"],
        ),
    ];
    let metadata = |text: &str| format!("user_metadata = {text}\n");
    let people = [
        database_user("ada", "ada@example.com") + &metadata("{ theme = \"dark\" }"),
        user("google-oauth2|1080", "ada@example.com", "google-oauth2")
            + &metadata("{ theme = \"light\", lang = \"en\" }")
            + "app_metadata = { plan = \"the secret plan\" }\n",
    ];
    for (choice, after, words) in wanted {
        let tenant = Tenant::with(&people.concat());
        let mut ada = Person::at(&tenant).logged_in("ada@example.com");
        let preview = ada.prove_google();
        let page = ada.page(&format!("{preview}&metadata={choice}"));
        for words in words {
            assert!(page.contains(words), "{choice}: {words}: {page}");
        }
        assert!(!page.contains("secret plan"), "{page}");
        assert_eq!(ada.submit(&page, "/account/link", &[]).status, 303);
        let user = tenant.user("auth0|ada").json();
        assert_eq!(
            (&user["user_metadata"], user.get("app_metadata").map(|it| &it["plan"])),
            (&after, None),
            "{choice}"
        );
    }
}

/// People choose and click the button at the end of the page, which has shown something else.
fn another_choice_than_the_shown_one_is_shown_first() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    for chosen in [[("keep", "other"), ("metadata", "take")], [("keep", "other"), ("metadata", "fill")]] {
        let end = ada.submit(&page, "/account/link", &chosen);
        assert_eq!(end.status, 303, "{}", end.text());
        let shown = end.location();
        assert!(shown.ends_with("#changes"), "{shown}");
        let again = ada.page(shown.trim_end_matches("#changes"));
        assert!(again.contains("You have chosen something else. This is what changes now:"), "{again}");
        assert!(again.contains("value=\"other\" checked"), "{again}");
        assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"], "nothing is linked yet");
    }
    // The button that only shows changes nothing either.
    let shown = ada.submit(&page, "/account/link", &[("keep", "other"), ("show", "changes")]).location();
    let again = ada.page(shown.trim_end_matches("#changes"));
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
    assert_eq!(ada.submit(&again, "/account/link", &[]).status, 303);
    assert_eq!(identities(&tenant, "google-oauth2|1080"), ["google-oauth2|1080", "auth0|ada"]);
    assert!(
        ada.page("/account?done=linked")
            .contains("The account with the main login Google a***@example.com stays.")
    );
}

fn settings_are_not_lost_by_default() {
    let people = [
        database_user("ada", "ada@example.com"),
        user("google-oauth2|1080", "ada@example.com", "google-oauth2")
            + "user_metadata = { lang = \"en\" }\n",
    ];
    let tenant = Tenant::with(&people.concat());
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    assert!(ada.page(&preview).contains("lang “en” is taken over"));
    ada.confirm(&preview);
    assert_eq!(tenant.user("auth0|ada").json()["user_metadata"], json!({ "lang": "en" }));
}

/// A tenant with an account whose address is not verified.
fn with_unverified() -> Tenant {
    let carol = database_user("carol", "carol@example.com")
        .replace("email_verified = true", "email_verified = false");
    Tenant::with(&format!("{}{carol}", users()))
}

/// Opens the link of the newest mail to an address, and confirms it.
fn verify(tenant: &Tenant, to: &str) {
    let messages = tenant.send(&crate::http::Request::get("/dev/outbox")).json();
    let mut messages = messages.as_array().expect("messages").iter();
    let mail = messages.find(|it| it["to"] == to && it["kind"] == "verify").expect("a mail");
    let link = crate::tenants::text(&mail["link"]);
    let ticket = link.split_once("ticket=").expect("a ticket").1;
    let done =
        tenant.browser().submit("/u/email-verification", &[("ticket", ticket), ("password", PASSWORD)]);
    assert_eq!(done.status, 200, "{}", done.text());
}

fn a_mail_verifies_the_address_of_a_second_account() {
    let tenant = with_unverified();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    let preview = ada.by_password(&state, "carol@example.com").location();
    let page = ada.page(&preview);
    assert!(page.contains("The address carol@example.com is not verified"), "{page}");
    assert!(!page.contains("Make them one account</button>"), "{page}");
    let sent = ada.submit(&page, "/account/verify", &[]);
    assert_eq!(sent.status, 303, "{}", sent.text());
    let page = ada.page(&sent.location());
    assert!(page.contains("A mail to verify the address was sent"), "{page}");
    verify(&tenant, "carol@example.com");
    assert_eq!(ada.confirm(&preview).status, 303);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada", "auth0|carol"]);
}

fn a_mail_verifies_the_own_address() {
    let tenant = with_unverified();
    let mut carol = Person::at(&tenant).logged_in("carol@example.com");
    let page = carol.page("/account");
    let sent = carol.submit(&page, "/account/verify", &[]);
    assert!(sent.location().ends_with("/account?done=mailed"), "{}", sent.text());
    assert!(carol.page("/account?done=mailed").contains("A mail to verify your address was sent"));
    verify(&tenant, "carol@example.com");
    let page = carol.page("/account");
    assert!(page.contains("c***@example.com, verified") && !page.contains("/account/verify"), "{page}");
    // Without a token of its own, no form sends a mail; nor does one for a verified address.
    assert_eq!(carol.browser.submit("/account/verify", &[]).status, 400);
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    assert!(!ada.page("/account").contains("/account/verify"));
}

/// A sign-up at a provider with the address of somebody else does not prove it.
fn an_unverified_login_is_not_added() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    let proved = ada.stand_in(&state, "github", &[("user_id", "7"), ("email", "ada@github.test")]);
    let page = ada.page(&proved.location());
    assert!(
        page.contains("GitHub has not verified the address ada@github.test, so it cannot be added.")
            && !page.contains("Make them one account</button>"),
        "{page}"
    );
    let hidden = super::person::hidden_fields(&page, "/account/link/cancel");
    let state = hidden.into_iter().find(|(name, _)| name == "state").expect("a state").1;
    // The form of another preview has the right token.
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    let end = ada.submit(&page, "/account/link", &[("state", &state)]);
    assert_eq!(end.status, 403, "{}", end.text());
    assert_eq!(tenant.user("github|7").status, 404, "a refused link leaves no new user");
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

fn refresh_tokens_of_the_moved_identities_end() {
    let tenant = tenant();
    let answer = by_google(&mut tenant.browser(), "1080", &[]).answer();
    let tokens = redeem(&tenant, "web", &answer["code"]).json();
    let refresh = crate::tenants::text(&tokens["refresh_token"]);
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    let answer = tenant.token("web", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("invalid_grant")));
}

fn a_cancelled_link_uses_up_the_proof() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let preview = ada.prove_google();
    let page = ada.page(&preview);
    let end = ada.submit(&page, "/account/link/cancel", &[]);
    assert_eq!((end.status, end.location().ends_with("/account")), (303, true));
    assert_eq!(ada.get(&preview).status, 400);
    assert_eq!(ada.submit(&page, "/account/link", &[]).status, 400);
    assert_eq!(identities(&tenant, "auth0|ada"), ["auth0|ada"]);
}

fn a_proof_can_be_given_up() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    let page = ada.page(&format!("/u/login?state={state}"));
    assert!(page.contains("<h1>Add another way to log in</h1>") && !page.contains("Sign up"), "{page}");
    let end = ada.browser.submit("/u/skip", &[("state", &state)]);
    assert!(end.location().ends_with("/account"), "{}", end.location());
    assert_eq!(ada.get(&format!("/u/login?state={state}")).status, 400);
}

/// An account that signs up for a proof would stay when the link is cancelled.
fn nobody_signs_up_for_a_proof() {
    let tenant = tenant();
    let mut ada = Person::at(&tenant).logged_in("ada@example.com");
    let state = ada.begin_adding();
    let new =
        [("state", &*state), ("connection", DATABASE), ("email", "eve@example.com"), ("password", PASSWORD)];
    let refused = ada.browser.submit("/u/sign-up", &new);
    assert_eq!(refused.status, 403, "{}", refused.text());
    let fields = [
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", "eve@example.com"),
        ("password", PASSWORD),
    ];
    assert_eq!(tenant.token("web", &fields).status, 403, "there is no such account");
    // The page can still be used.
    assert!(ada.by_password(&state, "bob@example.com").location().contains("/account/link?state="));
}

fn a_link_is_in_the_journal_with_its_proof() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let directory = format!("sqlite:{}", folder.path().join("users.db").display());
    let tenant = Tenant::started(&users(), &["--directory", &directory]);
    Person::at(&tenant).logged_in("ada@example.com").with_google();
    drop(tenant);
    let listed = std::process::Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["journal", "list", "--json", "--directory", &directory])
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    for words in ["LINKED_BY_OWNER", "ligature-account", "google-oauth2|1080", "auth0|ada", "proved_at"] {
        assert!(text.contains(words), "{words}: {text} {}", String::from_utf8_lossy(&listed.stderr));
    }
}
