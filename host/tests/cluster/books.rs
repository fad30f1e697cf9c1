//! Compares the final directory with the answers that users got.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use postgres::Client;
use serde_json::Value;

use crate::load::Told;
use crate::servers::Cluster;

/// A provider and an id at it.
type Identity = (String, String);

struct Books {
    /// The identities of each user, its own among them.
    users: BTreeMap<String, Vec<Identity>>,
    /// The owner of each identity.
    owners: BTreeMap<Identity, String>,
    /// Primary and secondary of each link that stands.
    links: BTreeSet<(String, String)>,
    /// The users that have passwords.
    passwords: BTreeSet<String>,
}

/// Checks that no reported change is lost, that no change is incomplete, and that each identity has
/// one owner.
pub(crate) fn compare(told: &Told, cluster: &Cluster, database: &str) {
    let books = Books::read(&mut cluster.client(database));
    let mut faults = books.faults();
    for account in &told.accounts {
        if !books.users.contains_key(account) || !books.passwords.contains(account) {
            faults.push(format!("{account} was made, and is lost"));
        }
    }
    for link in &told.links {
        let secondary = format!("google-oauth2|{}", link.secondary);
        if !books.links.contains(&(link.primary.clone(), secondary.clone())) {
            faults.push(format!("{secondary} was linked into {}, and is not", link.primary));
        }
    }
    for (subject, expected) in &told.strangers {
        faults.push(format!("{subject} was logged in, not {expected}"));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));
    assert!(!told.accounts.is_empty() && !told.links.is_empty(), "nothing was done");
    assert_eq!(exported(cluster, database), books.users.keys().cloned().collect());
}

impl Books {
    fn read(client: &mut Client) -> Self {
        let mut each = |statement: &str| client.query(statement, &[]).expect("the leader answers");
        let users = each("SELECT user_id, document FROM users");
        let owners = each("SELECT provider, user_id, owner FROM identities");
        let links =
            each("SELECT primary_id, secondary_id FROM journal WHERE kind = 'link' AND undone_by IS NULL");
        let passwords = each("SELECT user_id FROM credentials WHERE password IS NOT NULL");
        Self {
            users: users.iter().map(|row| (row.get(0), identities(row.get(1)))).collect(),
            owners: owners.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect(),
            links: links.iter().map(|row| (row.get(0), row.get(1))).collect(),
            passwords: passwords.iter().map(|row| format!("auth0|{}", row.get::<_, &str>(0))).collect(),
        }
    }

    /// The differences that were found.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut owned = BTreeSet::new();
        for (user_id, identities) in &self.users {
            for (number, identity) in identities.iter().enumerate() {
                let id = format!("{}|{}", identity.0, identity.1);
                if self.owners.get(identity) != Some(user_id) {
                    let owner = self.owners.get(identity);
                    faults.push(format!("{user_id} has {id}, whose owner is {owner:?}"));
                }
                if !owned.insert(identity) {
                    faults.push(format!("{id} has two owners, {user_id} is one"));
                }
                if number == 0 && id != *user_id {
                    faults.push(format!("{user_id} begins with {id}"));
                }
                if number > 0 && !self.links.contains(&(user_id.clone(), id.clone())) {
                    faults.push(format!("{user_id} has {id}, and no link of it is written down"));
                }
                if identity.0 == "auth0" && !self.passwords.contains(&id) {
                    faults.push(format!("{id} has no password"));
                }
            }
        }
        for (identity, owner) in &self.owners {
            if !owned.contains(identity) {
                faults.push(format!("{identity:?} belongs to {owner}, who does not have it"));
            }
        }
        for (primary, secondary) in &self.links {
            let has = self.users.get(primary).is_some_and(|identities| {
                identities.iter().any(|(provider, id)| format!("{provider}|{id}") == *secondary)
            });
            if !has || self.users.contains_key(secondary) {
                faults.push(format!("{secondary} is written down as linked into {primary}, and is not"));
            }
        }
        for user_id in &self.passwords {
            if !owned.iter().any(|(provider, id)| format!("{provider}|{id}") == *user_id) {
                faults.push(format!("the password of {user_id} is nobody's"));
            }
        }
        faults
    }
}

fn identities(document: &str) -> Vec<Identity> {
    let document: Value = serde_json::from_str(document).expect("a user");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let identities = document["identities"].as_array().expect("identities");
    identities.iter().map(|it| (text(&it["provider"]), text(&it["user_id"]))).collect()
}

/// The users that an operator gets, who has the server's place in libpq's
/// environment variables.
fn exported(cluster: &Cluster, database: &str) -> BTreeSet<String> {
    let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["users", "export", "--directory", "postgres://"])
        .envs(cluster.environment(database))
        .output()
        .expect("the program runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let user_id = |line: &str| {
        let user: Value = serde_json::from_str(line).expect("a user");
        user["user_id"].as_str().expect("an id").to_owned()
    };
    String::from_utf8_lossy(&ran.stdout).lines().map(user_id).collect()
}
