//! The plugin's decisions at logins, and what the tenant keeps of a login.

mod decisions;
mod endings;
mod factors_after_links;
mod login_links;
mod pages;
mod plugins;
mod profiles;
mod races;
mod recordings;
mod reloading;
pub(crate) mod second_factors;
mod separations;
mod sessions;
mod start;

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::Response;
use crate::tenants::{Tenant, claims, redeem};

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [
        decisions::TESTS,
        endings::TESTS,
        factors_after_links::TESTS,
        login_links::TESTS,
        pages::TESTS,
        plugins::TESTS,
        profiles::TESTS,
        races::TESTS,
        recordings::TESTS,
        reloading::TESTS,
        second_factors::TESTS,
        separations::TESTS,
        sessions::TESTS,
        start::TESTS,
    ]
    .concat()
}

/// Google's logins join the account that was there before.
pub(crate) const AUTO: &str = r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#;

/// A file, and the folder that it is in.
pub(crate) struct File {
    _folder: TempDir,
    path: PathBuf,
}

impl File {
    pub(crate) fn with(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        std::fs::write(&path, text).expect("a file is written");
        Self { _folder: folder, path }
    }

    pub(crate) fn name(&self) -> &str {
        self.path.to_str().expect("a path in UTF-8")
    }

    fn write(&self, text: impl AsRef<[u8]>) {
        std::fs::write(&self.path, text).expect("a file is written");
    }
}

/// The tokens that an answer with a code leads to.
fn tokens(tenant: &Tenant, response: &Response) -> Value {
    let answer = response.answer();
    redeem(tenant, "web", answer.get("code").unwrap_or_else(|| panic!("no code: {answer:?}"))).json()
}

/// Returns the subject that an answer with a code logs in.
fn subject(tenant: &Tenant, response: &Response) -> Value {
    claims(&tokens(tenant, response)["id_token"])["sub"].clone()
}
