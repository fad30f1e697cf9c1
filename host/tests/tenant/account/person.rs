//! A person in front of a browser, at a tenant with users of its own.

use crate::clocked::Clocked;
use crate::http::{Browser, Response, state_of};
use crate::tenants::{DATABASE, Tenant, database_user, login_form, user};

/// A connection besides those of every test.
pub(super) const GITHUB: &str = "\n[[connections]]\nname = \"github\"\nstrategy = \"github\"\n";

/// The users of these suites. Ada has a password, and Google as an account of its own; Bob has a
/// password.
pub(super) fn users() -> String {
    [
        GITHUB,
        &database_user("ada", "ada@example.com"),
        &database_user("bob", "bob@example.com"),
        &user("google-oauth2|1080", "ada@example.com", "google-oauth2"),
    ]
    .concat()
}

/// A person, with a browser.
pub(super) struct Person {
    pub(super) browser: Browser,
}

impl Person {
    pub(super) fn at(tenant: &Tenant) -> Self {
        Self { browser: tenant.browser() }
    }

    pub(super) fn at_clocked(tenant: &Clocked) -> Self {
        Self { browser: tenant.browser() }
    }

    /// Logs in to the account page with a password.
    pub(super) fn logged_in(mut self, email: &str) -> Self {
        let login = self.get("/account");
        let end = self.by_password(&state_of(&login), email);
        assert_eq!(end.status, 302, "{}", end.text());
        assert!(end.location().ends_with("/account"), "{}", end.location());
        self
    }

    pub(super) fn get(&mut self, target: &str) -> Response {
        self.browser.get(target)
    }

    /// The page at this address, which is there.
    pub(super) fn page(&mut self, target: &str) -> String {
        let page = self.get(target);
        assert_eq!(page.status, 200, "{target}: {:?} {}", page.header("location"), page.text());
        page.text()
    }

    pub(super) fn by_password(&mut self, state: &str, email: &str) -> Response {
        self.browser.submit("/u/login", &login_form(state, email))
    }

    /// Signs up for an account of the database.
    #[allow(dead_code, reason = "for the next suite")]
    pub(super) fn sign_up(&mut self, state: &str, email: &str) -> Response {
        let fields = [
            ("state", state),
            ("connection", DATABASE),
            ("email", email),
            ("password", crate::tenants::PASSWORD),
        ];
        self.browser.submit("/u/sign-up", &fields)
    }

    /// Sends the form of a page that has this action, with these fields beside its own.
    pub(super) fn submit(&mut self, page: &str, action: &str, more: &[(&str, &str)]) -> Response {
        let hidden = hidden_fields(page, action);
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
        fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        fields.extend(more);
        self.browser.submit(action, &fields)
    }
}

/// The hidden fields of a page's form with this action.
pub(super) fn hidden_fields(page: &str, action: &str) -> Vec<(String, String)> {
    let form = page
        .split("<form ")
        .skip(1)
        .map(|form| form.split("</form>").next().unwrap_or_default())
        .find(|form| form.contains(&format!("action=\"{action}\"")))
        .unwrap_or_else(|| panic!("no form to {action}: {page}"));
    let attribute = |input: &str, name: &str| {
        let value = input.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
        value.map(|(value, _)| value.to_owned()).unwrap_or_default()
    };
    form.split("<input type=\"hidden\"")
        .skip(1)
        .map(|input| (attribute(input, "name"), attribute(input, "value")))
        .collect()
}
