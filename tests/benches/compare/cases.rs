//! The cases that are measured: the demo's case, changed in one way each.

use std::fs;
use std::path::{Path, PathBuf};

use ligature_host::harness::Case;
use serde_json::{Map, Value, json};

/// The demo's case.
const DEMO: &str = include_str!("../../../examples/cases/verified-google-login.json");

/// A case file under change. One account has the login's address at first.
#[derive(Clone)]
pub(crate) struct Draft(Value);

impl Draft {
    /// Returns the demo's case.
    pub(crate) fn demo() -> Self {
        Self(serde_json::from_str(DEMO).expect("the demo's case is JSON"))
    }

    /// Replaces the accounts with the login's address by so many like the first one.
    pub(crate) fn with_candidates(mut self, candidates: usize) -> Self {
        let first = self.0["users"][0].clone();
        let users = (0..candidates).map(|n| {
            let mut user = first.clone();
            rename(&mut user, n);
            user
        });
        self.0["users"] = users.collect();
        self
    }

    /// Gives the candidate so many identities, all trusted and with the same verified address.
    pub(crate) fn with_identities(mut self, identities: usize) -> Self {
        self.0["policy"]["trusted_connections"].as_array_mut().expect("a list").push("github".into());
        let user = &mut self.0["users"][0];
        let email = user["email"].clone();
        let more = (1..identities).map(|n| {
            json!({
                "provider": "github",
                "user_id": (100_000 + n).to_string(),
                "connection": "github",
                "isSocial": true,
                "profileData": { "email": email, "email_verified": true },
            })
        });
        user["identities"].as_array_mut().expect("a list").extend(more);
        self
    }

    /// Gives each of both accounts user metadata of about so many bytes.
    pub(crate) fn with_metadata(mut self, bytes: usize) -> Self {
        // An entry is of 32 bytes.
        let metadata = |owner: &str| -> Map<String, Value> {
            (0..bytes / 32).map(|n| (format!("{owner}-{n:06}"), json!("x".repeat(16)))).collect()
        };
        self.0["users"][0]["user_metadata"] = metadata("a").into();
        self.0["event"]["user"]["user_metadata"] = metadata("b").into();
        self
    }

    /// Lets the policy trust so many connections.
    pub(crate) fn with_trusted(mut self, connections: usize) -> Self {
        let trusted = self.0["policy"]["trusted_connections"].as_array_mut().expect("a list");
        let more = connections.saturating_sub(trusted.len());
        // Before those of the login, which a search from the beginning finds last.
        trusted.splice(0..0, (0..more).map(|n| json!(format!("connection-{n:04}"))));
        self
    }

    /// Puts other users into the directory, until it has so many.
    pub(crate) fn with_users(mut self, users: usize) -> Self {
        let list = self.0["users"].as_array_mut().expect("a list");
        let first = list[0].clone();
        for n in list.len()..users {
            let mut user = first.clone();
            rename(&mut user, n);
            user["email"] = format!("user.{n}@example.com").into();
            list.push(user);
        }
        self
    }

    /// The same for a login that looks nobody up, as its address is not verified.
    pub(crate) fn with_users_unasked(mut self, users: usize) -> Self {
        self.0["event"]["user"]["email_verified"] = false.into();
        self.with_users(users)
    }

    /// Writes the case into a folder.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let file = folder.join(format!("{name}.json"));
        fs::write(&file, self.0.to_string()).expect("a case is written");
        file
    }
}

/// Makes a database user the n-th of several.
fn rename(user: &mut Value, n: usize) {
    let id = format!("6571c0ffee0000000000{:04x}", 0xa001 + n);
    user["user_id"] = format!("auth0|{id}").into();
    user["identities"][0]["user_id"] = id.into();
}

/// A login that every contender decides.
pub(crate) struct Login {
    /// The number of candidates, in words.
    pub(crate) name: &'static str,
    /// The case file.
    pub(crate) file: PathBuf,
    /// The login for contenders in JavaScript.
    pub(crate) script_file: PathBuf,
    /// The user that the login's account is linked with, if it is.
    pub(crate) linked: Option<String>,
}

impl Login {
    /// Writes the logins with no candidate, with one and with ten.
    pub(crate) fn write_all(folder: &Path) -> [Self; 3] {
        let of = |name, candidates, linked: Option<&str>| {
            let draft = Draft::demo().with_candidates(candidates);
            let file = draft.write(folder, &format!("candidates-{candidates}"));
            let script_file = folder.join(format!("login-{candidates}.json"));
            let linked = linked.map(str::to_owned);
            fs::write(&script_file, describe(&file, linked.as_deref()).to_string())
                .expect("a login is written");
            Self { name, file, script_file, linked }
        };
        // Both the policy and the Rule link with none of several.
        [
            of("no candidate", 0, None),
            of("one candidate", 1, Some("auth0|6571c0ffee0000000000a001")),
            of("ten candidates", 10, None),
        ]
    }

    /// Reads the case file.
    pub(crate) fn case(&self) -> Case {
        Case::read_file(&self.file).expect("the case is read")
    }
}

/// Returns a case after the arrival of its login: a sandbox gets an event whose user exists.
fn describe(file: &Path, linked: Option<&str>) -> Value {
    let (directory, case) = Case::read_file(file).and_then(|case| case.arrive()).expect("the login arrives");
    let users = directory.users();
    json!({
        "event": &*case.event,
        "settings": case.policy.settings().text(),
        "now": case.now.as_millis(),
        "users": users.iter().map(|user| &**user).collect::<Vec<_>>(),
        "linked": linked,
    })
}
