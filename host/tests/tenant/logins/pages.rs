//! The tenant's own pages: what they say, and where they lead.

use super::{File, subject};
use crate::http::{Browser, Request, Response, encoded};
use crate::tenants::{DATABASE, PASSWORD, Tenant, by_google, database_user, open, shared};

crate::tests![
    every_way_to_log_in_is_there_after_a_wrong_password,
    a_bad_phone_number_is_asked_for_again,
    a_wrong_code_is_asked_for_again,
    a_forgotten_password_is_replaced,
    a_forgotten_password_says_the_same_to_strangers,
    connections_are_called_by_their_names,
    a_failed_sign_up_is_shown_at_its_form,
    an_application_may_ask_for_a_sign_up,
    a_failed_login_is_shown_at_its_form,
    an_account_typed_wrong_is_asked_for_again,
    a_question_says_who_is_logged_in,
    every_page_leads_back,
    every_page_has_a_title_of_its_own,
    a_phone_number_may_have_blanks,
    a_mailed_link_that_is_requested_leads_to_a_page_of_its_own,
    the_page_of_a_forgotten_password_takes_the_typed_address_over,
    too_many_wrong_passwords_lead_to_a_new_one,
    another_account_than_the_suggested_one_is_named,
    every_field_says_what_it_is,
];

const CONNECTIONS: &str = "
[[connections]]
name = \"sms\"
strategy = \"sms\"
[[connections]]
name = \"acme\"
strategy = \"samlp\"
display_name = \"Acme & Sons\"
[[connections]]
name = \"named\"
strategy = \"auth0\"
requires_username = true
";

fn tenant() -> std::sync::Arc<Tenant> {
    shared("pages", || Tenant::with(&format!("{CONNECTIONS}{}", database_user("ada", "ada@example.com"))))
}

/// A page of a login that was just begun, and how to send its forms.
struct Login {
    browser: Browser,
    state: String,
}

impl Login {
    fn at(tenant: &Tenant) -> Self {
        let mut browser = tenant.browser();
        let state = open(&mut browser, &[]);
        Self { browser, state }
    }

    fn get(&mut self, page: &str, fields: &[(&str, &str)]) -> Response {
        let fields = [&[("state", self.state.as_str())], fields].concat();
        self.browser.get(&format!("/u/{page}?{}", encoded(&fields)))
    }

    fn submit(&mut self, page: &str, fields: &[(&str, &str)]) -> Response {
        let fields = [&[("state", self.state.as_str())], fields].concat();
        self.browser.submit(&format!("/u/{page}"), &fields)
    }
}

/// The part of a page that begins with one text and ends with another.
fn within<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let from = page.find(start).unwrap_or_else(|| panic!("no {start}: {page}"));
    let to = page[from..].find(end).unwrap_or_else(|| panic!("no {end}: {page}"));
    &page[from..from + to]
}

/// The form of a page that is sent there and is of this connection.
fn form<'a>(page: &'a str, action: &str, connection: &str) -> &'a str {
    page.split("<form ")
        .map(|form| form.split("</form>").next().unwrap_or_default())
        .find(|form| {
            form.contains(&format!("action=\"{action}\""))
                && form.contains(&format!("value=\"{connection}\""))
        })
        .unwrap_or_else(|| panic!("no form to {action} of {connection}: {page}"))
}

fn every_way_to_log_in_is_there_after_a_wrong_password() {
    let mut login = Login::at(&tenant());
    let ways = |page: &str| {
        let words =
            ["Continue with Google", "Continue with email", "Continue with phone", "Sign up", "Forgot"];
        let forms = page.matches("action=\"/u/login\"").count();
        (words.map(|words| page.contains(words)), forms)
    };
    let before = login.get("login", &[]).text();
    assert_eq!(ways(&before), ([true; 5], 3), "{before}");
    let wrong = [("connection", DATABASE), ("username", "ada@example.com"), ("password", "wrong")];
    for _ in 0..2 {
        let page = login.submit("login", &wrong);
        assert_eq!((page.status, ways(&page.text())), (403, ways(&before)), "{}", page.text());
    }
    // The page shows the application's request and nothing else.
    let mut browser = tenant().browser();
    let state = open(&mut browser, &[("connection", DATABASE)]);
    let fields = [&[("state", state.as_str())], wrong.as_slice()].concat();
    let page = browser.submit("/u/login", &fields).text();
    assert!(!page.contains("Continue with") && page.matches("action=\"/u/login\"").count() == 1, "{page}");
}

fn a_bad_phone_number_is_asked_for_again() {
    let mut login = Login::at(&tenant());
    for (connection, bad, words) in [
        ("sms", "0155 50100", "Expected + and the code of the country"),
        ("sms", "+", "Expected + and the code of the country"),
        ("email", "ada@", "Expected an address such as ada@example.com"),
    ] {
        let page = login.submit("code/start", &[("connection", connection), ("address", bad)]);
        assert_eq!(page.status, 400);
        let page = page.text();
        let form = form(&page, "/u/code/start", connection);
        assert!(form.contains(&format!("value=\"{bad}\"")), "{page}");
        assert!(page.contains("role=\"alert\"") && page.contains(words), "{page}");
        assert!(!page.contains("Code sent to"), "nothing was sent: {page}");
    }
    let sent = login.submit("code/start", &[("connection", "sms"), ("address", "+15550100")]);
    assert!(login.browser.get(&sent.location()).text().contains("Code sent to +15550100"));
}

fn a_wrong_code_is_asked_for_again() {
    let mut login = Login::at(&tenant());
    let to = [("connection", "sms"), ("address", "+15550101")];
    login.submit("code/start", &to);
    let page = login.submit("code", &[&to[..], &[("code", "x")]].concat()).text();
    assert!(page.contains("Code sent to +15550101") && page.contains("role=\"alert\""), "{page}");
    // Another one, or another number.
    assert!(form(&page, "/u/code/start", "sms").contains("value=\"+15550101\""), "{page}");
    let link = within(&page, "<a href=\"/u/code?", "</a>");
    assert!(link.ends_with("Use another phone number") && !link.contains("15550101"), "{link}");
}

fn sent(tenant: &Tenant, to: &str) -> Vec<serde_json::Value> {
    let messages = tenant.send(&Request::get("/dev/outbox")).json();
    messages.as_array().expect("messages").iter().filter(|it| it["to"] == to).cloned().collect()
}

fn a_forgotten_password_is_replaced() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let mut login = Login::at(&tenant);
    let page = login.get("login", &[]).text();
    let link =
        within(&page, "href=\"/u/forgot?", "\">Forgot password?").replace("&#38;", "&").replace("&amp;", "&");
    let page = login.browser.get(link.trim_start_matches("href=\"")).text();
    assert!(form(&page, "/u/forgot", DATABASE).contains("autocomplete=\"email\""), "{page}");
    let page = login.submit("forgot", &[("connection", DATABASE), ("email", "Ada@Example.com")]);
    assert_eq!(page.status, 303, "{}", page.text());
    let link = crate::tenants::text(&sent(&tenant, "ada@example.com")[0]["link"]);
    let ticket = link.split_once("ticket=").expect("a ticket").1;
    let new = [("ticket", ticket), ("password", "another battery horse")];
    assert_eq!(tenant.browser().submit("/u/reset", &new).status, 200);
    let fields =
        [("connection", DATABASE), ("username", "ada@example.com"), ("password", "another battery horse")];
    assert_eq!(subject(&tenant, &login.submit("login", &fields)), "auth0|ada");
}

fn a_forgotten_password_says_the_same_to_strangers() {
    let tenant = tenant();
    let mut login = Login::at(&tenant);
    let mut answer = |email: &str| {
        let sent = login.submit("forgot", &[("connection", DATABASE), ("email", email)]);
        let page = login.browser.get(&sent.location());
        let text = page.text();
        assert!(text.contains("If there is an account"), "{text}");
        (sent.status, page.status, text.replace(email, ""))
    };
    assert_eq!(answer("ada@example.com"), answer("nobody@example.com"));
    assert_eq!((sent(&tenant, "ada@example.com").len(), sent(&tenant, "nobody@example.com").len()), (1, 0));
    let page = login.submit("forgot", &[("connection", DATABASE)]);
    assert_eq!(page.status, 400);
    assert!(page.text().contains("role=\"alert\""), "{}", page.text());
    // There are no passwords elsewhere.
    assert_eq!(login.submit("forgot", &[("connection", "email"), ("email", "ada@example.com")]).status, 400);
}

fn connections_are_called_by_their_names() {
    let mut login = Login::at(&tenant());
    let page = login.get("login", &[]).text();
    for words in ["Continue with Google<", "Continue with Acme &#38; Sons<", "Continue with email<"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("with google-oauth2"), "{page}");
    let page = login.get("stand-in", &[("connection", "acme")]).text();
    assert!(page.contains("<h1>Acme &#38; Sons</h1>"), "{page}");
}

fn a_failed_sign_up_is_shown_at_its_form() {
    let mut login = Login::at(&tenant());
    let filled = |connection, email, username, password| {
        [("connection", connection), ("email", email), ("username", username), ("password", password)]
    };
    for (fields, words) in [
        (
            filled(DATABASE, "ada@example.com", "", PASSWORD),
            "No account was created. If you have one already",
        ),
        (filled(DATABASE, "new@example.com", "", "short"), "Password is too weak"),
        (filled(DATABASE, "no address", "", PASSWORD), "Expected an address such as ada@example.com"),
        (filled("named", "new@example.com", "two words", PASSWORD), "Expected up to 128 characters"),
    ] {
        let page = login.submit("sign-up", &fields);
        assert_eq!(page.status, 400, "{words}");
        let page = page.text();
        let [(_, connection), (_, email), (_, username), _] = fields;
        let form = form(&page, "/u/sign-up", connection);
        assert!(form.contains("role=\"alert\"") && form.contains(words), "{page}");
        assert!(form.contains(&format!("value=\"{email}\"")), "{page}");
        assert!(form.contains(&format!("value=\"{username}\"")) || connection == DATABASE, "{page}");
        assert!(!page.contains(PASSWORD) && !page.contains("value=\"short\""), "{page}");
        assert_eq!(page.matches("role=\"alert\"").count(), 1, "{page}");
        assert_eq!(page.matches("<details open>").count(), 1, "{page}");
        assert!(within(&page, "<details open>", "</details>").contains(words), "{page}");
        // Text typed at this form does not appear at another.
        assert_eq!(page.matches(&format!("value=\"{email}\"")).count(), 1, "{page}");
    }
}

fn a_failed_login_is_shown_at_its_form() {
    let mut login = Login::at(&tenant());
    let wrong = [("connection", "Staff"), ("username", "ada@example.com"), ("password", "wrong")];
    let page = login.submit("login", &wrong).text();
    assert_eq!(page.matches("role=\"alert\"").count(), 1, "{page}");
    let staff = form(&page, "/u/login", "Staff");
    assert!(staff.contains("role=\"alert\"") && staff.contains("value=\"ada@example.com\""), "{page}");
    assert!(staff.contains("aria-describedby=\"login-error\"") && staff.contains("id=\"login-error\""));
    assert!(!form(&page, "/u/login", DATABASE).contains("ada@example.com"), "{page}");
    assert!(!page.contains("<details open>"), "{page}");
}

fn an_account_typed_wrong_is_asked_for_again() {
    let mut login = Login::at(&tenant());
    let typed =
        [("connection", "google-oauth2"), ("user_id", "1 2"), ("name", "Eve"), ("email", "e@example.com")];
    let page = login.submit("stand-in", &[&typed[..], &[("email_verified", "true")]].concat());
    assert_eq!(page.status, 400);
    let page = page.text();
    let open = within(&page, "<details open>", "</details>");
    for kept in ["value=\"1 2\"", "value=\"Eve\"", "value=\"e@example.com\"", "checked", "role=\"alert\""] {
        assert!(open.contains(kept), "{kept}: {page}");
    }
    assert_eq!(page.matches("role=\"alert\"").count(), 1, "{page}");
    assert!(page.contains("Ada Lovelace (ada@example.com, verified)"), "{page}");
}

/// The question, the login that is to answer it, and the way on without an answer.
fn a_question_says_who_is_logged_in() {
    let policy = File::with(r#"{"mode": "suggest", "trusted_connections": ["google-oauth2"]}"#);
    let tenant = Tenant::started(&database_user("ada", "ada@example.com"), &["--policy", policy.name()]);
    let mut browser = tenant.browser();
    let asked = by_google(&mut browser, "1080", &[]);
    let page = browser.get(&asked.location()).text();
    for words in [
        "You have just logged in with Google, as Ada Lovelace (ada@example.com).",
        "There is already an account with the address <strong>ada@example.com</strong>.",
        "you continue to A web application with the account that you have just used",
        "aria-describedby=\"not-now\"",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let state = crate::http::state_of(&asked);
    let page = browser.get(&format!("/u/code?state={state}&connection=email")).text();
    assert!(page.contains("Back to the question"), "{page}");
}

fn every_page_leads_back() {
    let mut login = Login::at(&tenant());
    let to = ("address", "+15550100");
    let pages = [
        login.get("stand-in", &[("connection", "google-oauth2")]),
        login.get("code", &[("connection", "email")]),
        login.get("code", &[("connection", "sms"), to]),
        login.get("forgot", &[("connection", DATABASE)]),
        login.submit("code/start", &[("connection", "sms"), ("address", "x")]),
        login.submit("code", &[("connection", "sms"), to, ("code", "x")]),
        login.submit("stand-in", &[("connection", "google-oauth2"), ("user_id", "1 2")]),
        login.get("forgot", &[("connection", DATABASE), ("email", "ada@example.com"), ("sent", "true")]),
        login.submit("forgot", &[("connection", DATABASE)]),
    ];
    for (n, page) in pages.iter().enumerate() {
        let page = page.text();
        let link = format!("href=\"/u/login?state={}\">Back to all ways to log in</a>", login.state);
        assert!(page.contains(&link), "{n}: {page}");
    }
    assert!(login.get("login", &[]).text().contains("Continue with Google"));
}

fn every_page_has_a_title_of_its_own() {
    let mut login = Login::at(&tenant());
    for (page, title) in [
        (login.get("login", &[]), "Log in to A web application"),
        (login.get("code", &[("connection", "email")]), "Log in with a code"),
        (login.get("stand-in", &[("connection", "google-oauth2")]), "Google"),
        (login.get("forgot", &[("connection", DATABASE)]), "Forgot password"),
    ] {
        assert!(page.text().contains(&format!("<title>{title}</title>")), "{title}: {}", page.text());
    }
}

fn a_phone_number_may_have_blanks() {
    let mut login = Login::at(&tenant());
    let asked = login.get("code", &[("connection", "sms")]).text();
    assert!(asked.contains("such as +1 555 0100"), "before an error: {asked}");
    let sent = login.submit("code/start", &[("connection", "sms"), ("address", " +1 555 0133 ")]);
    let page = login.browser.get(&sent.location()).text();
    assert!(page.contains("Code sent to +15550133"), "{page}");
    assert!(page.contains("No message was sent"), "{page}");
}

/// The browser's back button sends no form again.
fn a_mailed_link_that_is_requested_leads_to_a_page_of_its_own() {
    let mut login = Login::at(&tenant());
    let sent = login.submit("forgot", &[("connection", DATABASE), ("email", "nobody@example.com")]);
    assert_eq!(sent.status, 303);
    let page = login.browser.get(&sent.location());
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("If there is an account with the address nobody@example.com"),
        "{}",
        page.text()
    );
}

fn the_page_of_a_forgotten_password_takes_the_typed_address_over() {
    let mut login = Login::at(&tenant());
    let wrong = [("connection", DATABASE), ("username", "nobody@example.com"), ("password", "wrong")];
    let page = login.submit("login", &wrong).text();
    let link = within(&page, "/u/forgot?", "\"").replace("&#38;", "&");
    let page = login.browser.get(&link).text();
    assert!(form(&page, "/u/forgot", DATABASE).contains("value=\"nobody@example.com\""), "{page}");
    assert!(!page.contains("we sent it a link"), "nothing was sent: {page}");
}

fn too_many_wrong_passwords_lead_to_a_new_one() {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let mut login = Login::at(&tenant);
    let wrong = [("connection", DATABASE), ("username", "ada@example.com"), ("password", "wrong")];
    let last = (0..12).map(|_| login.submit("login", &wrong)).find(|page| page.status == 429);
    let page = last.expect("too many").text();
    assert!(page.contains("or set a new one with “Forgot password?”"), "{page}");
}

fn another_account_than_the_suggested_one_is_named() {
    let policy = File::with(r#"{"mode": "suggest", "trusted_connections": ["google-oauth2"]}"#);
    let people = [database_user("ada", "ada@example.com"), database_user("bob", "bob@example.com")];
    let tenant = Tenant::started(&people.concat(), &["--policy", policy.name()]);
    let mut browser = tenant.browser();
    let state = crate::http::state_of(&by_google(&mut browser, "1080", &[]));
    let fields = [("state", state.as_str()), ("connection", DATABASE), ("username", "bob@example.com")];
    let page = browser.submit("/u/login", &[&fields[..], &[("password", PASSWORD)]].concat()).text();
    let words = "That was a different account. Log in to the existing account ada@example.com";
    assert!(page.contains(words), "{page}");
}

/// Checks the labels and `autocomplete` values that screen readers, browsers and password managers
/// use.
fn every_field_says_what_it_is() {
    let tenant = tenant();
    let mut login = Login::at(&tenant);
    let sign_up = [("connection", DATABASE), ("email", "ada@example.com"), ("password", PASSWORD)];
    let wrong = [("connection", DATABASE), ("username", "ada"), ("password", "wrong")];
    let pages = [
        login.get("login", &[]),
        login.submit("login", &wrong),
        login.submit("sign-up", &sign_up),
        login.get("code", &[("connection", "email")]),
        login.get("code", &[("connection", "sms")]),
        login.submit("code/start", &[("connection", "sms"), ("address", "x")]),
        login.get("code", &[("connection", "sms"), ("address", "+15550100")]),
        login.get("forgot", &[("connection", DATABASE)]),
        login.get("stand-in", &[("connection", "acme")]),
    ];
    for (n, page) in pages.iter().enumerate() {
        let page = page.text();
        assert!(page.contains("<html lang=\"en\">"), "{n}: {page}");
        assert_eq!(page.matches(" autofocus").count(), 1, "{n}: {page}");
        for field in page.split("<input ").skip(1) {
            let tag = field.split('>').next().unwrap_or_default();
            if tag.contains("type=\"hidden\"") || tag.contains("type=\"checkbox\"") {
                continue;
            }
            assert!(tag.contains("autocomplete=\""), "{n}: {tag}");
        }
        // Each is within its label.
        let fields = page.matches("<input ").count() - page.matches("type=\"hidden\"").count();
        assert_eq!(page.matches("<label>").count(), fields, "{n}: {page}");
        for id in page.split("aria-describedby=\"").skip(1).filter_map(|it| it.split('"').next()) {
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{n}: {id}: {page}");
        }
        assert_eq!(page.contains("role=\"alert\""), page.contains("aria-describedby"), "{n}: {page}");
    }
}

fn an_application_may_ask_for_a_sign_up() {
    let tenant = tenant();
    let mut browser = tenant.browser();
    let page = browser.get(&crate::tenants::authorize(&[("screen_hint", "signup")]));
    let page = browser.get(&page.location()).text();
    assert_eq!(page.matches("<details open>").count(), 1, "{page}");
    assert!(within(&page, "<details open>", "</details>").contains("autofocus"), "{page}");
    assert_eq!(page.matches("autofocus").count(), 1, "{page}");
    let refused = browser.get(&crate::tenants::authorize(&[("organization", "org_1")]));
    assert_eq!(refused.answer()["error"], "invalid_request");
}
