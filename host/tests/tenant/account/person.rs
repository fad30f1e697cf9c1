//! A person in front of a browser, at a tenant with users of its own.

use crate::clocked::Clocked;
use crate::http::{Browser, Response, state_of};
use crate::tenants::{Tenant, database_user, login_form, user};

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
pub(crate) struct Person {
    pub(crate) browser: Browser,
}

impl Person {
    pub(crate) fn at(tenant: &Tenant) -> Self {
        Self { browser: tenant.browser() }
    }

    pub(crate) fn at_clocked(tenant: &Clocked) -> Self {
        Self { browser: tenant.browser() }
    }

    /// Logs in to the account page with a password.
    pub(crate) fn logged_in(mut self, email: &str) -> Self {
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
    pub(crate) fn page(&mut self, target: &str) -> String {
        let page = self.get(target);
        assert_eq!(page.status, 200, "{target}: {:?} {}", page.header("location"), page.text());
        page.text()
    }

    pub(super) fn by_password(&mut self, state: &str, email: &str) -> Response {
        self.browser.submit("/u/login", &login_form(state, email))
    }

    /// Logs in at a stand-in provider, as the account that it offers or as another one.
    pub(super) fn stand_in(&mut self, state: &str, connection: &str, account: &[(&str, &str)]) -> Response {
        let fields = [&[("state", state), ("connection", connection)], account].concat();
        self.browser.submit("/u/stand-in", &fields)
    }

    /// Begins to add a way to log in; the state of the login page.
    pub(super) fn begin_adding(&mut self) -> String {
        let login = self.get("/account/add");
        assert_eq!(login.status, 302, "{}", login.text());
        state_of(&login)
    }

    /// Proves Google as a second account; the address of the preview.
    pub(super) fn prove_google(&mut self) -> String {
        let state = self.begin_adding();
        let proved = self.stand_in(&state, "google-oauth2", &[("account", "1080")]);
        assert!(proved.location().contains("/account/link?state="), "{} {}", proved.status, proved.text());
        proved.location()
    }

    /// Proves an account of GitHub with a verified address; the address of the preview.
    pub(super) fn prove_github(&mut self, id: &str) -> String {
        let state = self.begin_adding();
        let proved = self.stand_in(&state, "github", &github(id));
        assert!(proved.location().contains("/account/link?state="), "{} {}", proved.status, proved.text());
        proved.location()
    }

    /// Confirms the preview at this address.
    pub(super) fn confirm(&mut self, preview: &str) -> Response {
        let page = self.page(preview);
        self.submit(&page, "/account/link", &[])
    }

    /// Adds Google.
    pub(crate) fn with_google(mut self) -> Self {
        let preview = self.prove_google();
        let end = self.confirm(&preview);
        assert!(end.location().ends_with("/account?done=linked"), "{} {}", end.status, end.text());
        self
    }

    /// The page that removes the login with this label.
    pub(crate) fn removal_of(&mut self, label: &str) -> String {
        let page = self.page("/account");
        let row = page.split("<li>").find(|row| row.contains(&format!("<strong>{label}</strong>")));
        let row = row.unwrap_or_else(|| panic!("no {label}: {page}"));
        let href = row.split_once("href=\"").unwrap_or_else(|| panic!("{row}")).1;
        href.split_once('"').expect("an end").0.to_owned()
    }

    /// Sends the form of a page that has this action, with these fields beside its own.
    pub(crate) fn submit(&mut self, page: &str, action: &str, more: &[(&str, &str)]) -> Response {
        let hidden = hidden_fields(page, action);
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
        fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        fields.extend(more);
        self.browser.submit(action, &fields)
    }
}

/// The fields of a page's form with this action that are sent as they are: the hidden ones, and the
/// choices.
pub(crate) fn hidden_fields(page: &str, action: &str) -> Vec<(String, String)> {
    let form = page
        .split("<form ")
        .skip(1)
        .map(|form| form.split("</form>").next().unwrap_or_default())
        .find(|form| form.starts_with(&format!("method=\"post\" action=\"{action}\"")))
        .unwrap_or_else(|| panic!("no form to {action}: {page}"));
    let attribute = |input: &str, name: &str| {
        let value = input.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
        value.map(|(value, _)| value.to_owned()).unwrap_or_default()
    };
    form.split("<input ")
        .skip(1)
        .filter(|input| {
            let tag = input.split('>').next().unwrap_or_default();
            tag.starts_with("type=\"hidden\"") || tag.ends_with(" checked")
        })
        .map(|input| (attribute(input, "name"), attribute(input, "value")))
        .collect()
}

/// The form of an account of GitHub with a verified address.
pub(super) fn github(id: &str) -> [(&str, &str); 4] {
    [("user_id", id), ("name", "Ada"), ("email", "ada@github.test"), ("email_verified", "true")]
}
