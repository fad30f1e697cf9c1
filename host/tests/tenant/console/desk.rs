//! An operator at a browser, and a tenant with a console.

use std::sync::Arc;

use crate::account::person::hidden_fields;
use crate::http::{Browser, Response, encoded};
use crate::tenants::{Tenant, database_user, shared, user};

pub(crate) const ENABLED: &str = "\n[console]\nenabled = true\n";
pub(crate) const ADA: &str = "auth0|ada";
pub(crate) const ADAS_GOOGLE: &str = "google-oauth2|1080";

/// The users of these suites: Ada has a password, and Google as an account of its own; Bob has a
/// password.
pub(super) fn users() -> String {
    [
        ENABLED,
        &database_user("ada", "ada@example.com"),
        "user_metadata = { theme = \"dark\" }\n",
        &database_user("bob", "bob@example.com"),
        &user(ADAS_GOOGLE, "ada@example.com", "google-oauth2"),
        "user_metadata = { theme = \"light\", lang = \"en\" }\napp_metadata = { plan = \"pro\" }\n",
    ]
    .concat()
}

/// A tenant whose users no test of this suite changes.
pub(super) fn unchanged() -> Arc<Tenant> {
    shared("console", || Tenant::with(&users()))
}

/// An operator at a browser.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(super) browser: Browser,
}

impl Desk {
    pub(crate) fn at(tenant: &Tenant) -> Self {
        Self { browser: tenant.browser() }
    }

    pub(super) fn get(&mut self, target: &str) -> Response {
        self.browser.get(target)
    }

    /// The page at this address, which is there.
    pub(crate) fn page(&mut self, target: &str) -> String {
        let page = self.get(target);
        assert_eq!(page.status, 200, "{target}: {}", page.text());
        page.text()
    }

    /// Sends the form of a page that has this action, with these fields beside its own.
    pub(crate) fn submit(&mut self, page: &str, action: &str, more: &[(&str, &str)]) -> Response {
        let hidden: Vec<(String, String)> =
            (hidden_fields(page, action).into_iter()).map(|(name, value)| (name, unescape(&value))).collect();
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
        fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        fields.extend(more);
        self.browser.submit(action, &fields)
    }

    /// The preview of a merge.
    pub(super) fn preview(&mut self, keep: &str, moved: &str) -> String {
        self.page(&merge_of(keep, moved, &[]))
    }

    /// Merges two accounts; the address of the entry's page.
    pub(crate) fn merge(&mut self, keep: &str, moved: &str) -> String {
        let preview = self.preview(keep, moved);
        let merged = self.submit(&preview, "/console/merge", &[("reason", "ticket 7")]);
        assert_eq!(merged.status, 303, "{}", merged.text());
        merged.location().trim_end_matches("?done=merged").to_owned()
    }
}

/// The text of an attribute's value.
pub(super) fn unescape(value: &str) -> String {
    let parts = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    parts.iter().fold(value.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// The address of the preview of a merge.
pub(super) fn merge_of(keep: &str, moved: &str, more: &[(&str, &str)]) -> String {
    format!("/console/merge?{}", encoded(&[&[("keep", keep), ("move", moved)], more].concat()))
}
