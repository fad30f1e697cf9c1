//! The members of groups: the users who have a role, or who belong to an organization.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::directory::Administration;
use crate::model::{ApiError, User};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::problem::Problem;
use crate::tenant::management::scan::each_user;
use crate::tenant::management_data::{ManagementData, StoredGroup};
use crate::tenant::profile;

/// The most members of one group that are listed, in checkpoint paging too.
const MOST_LISTED: usize = 1_000;

/// Checks the number of ids in a body.
pub(super) fn check_ids(ids: Vec<String>, property: &str) -> Result<Vec<String>, Problem> {
    if (1..=50).contains(&ids.len()) {
        return Ok(ids);
    }
    Err(Problem::body(&format!("expected 1 to 50 items on property {property}")))
}

/// Returns the groups of a user under `name`, or the page of them that the query asks for.
pub(super) async fn list_by_user<G: StoredGroup>(
    visit: Visit<()>,
    user_id: String,
    query: PageQuery,
    name: &str,
) -> Result<Value, Problem> {
    query.check()?;
    let groups = visit
        .run(move |Visit { tenant, .. }| {
            let stored = tenant.directory.get(&user_id)?;
            Ok::<_, Problem>(groups_of::<G>(&tenant.management_data, &stored.user))
        })
        .await?;
    let groups: Vec<Value> = groups.iter().map(|group| json!(group)).collect();
    query.select_page(&groups, name, "id")
}

/// Returns the members of a group under `name`, or the page of them that the query asks for.
pub(super) async fn list<G: StoredGroup>(
    visit: Visit<()>,
    id: String,
    query: PageQuery,
    name: &'static str,
) -> Result<Value, Problem> {
    query.check()?;
    visit
        .run(move |Visit { tenant, .. }| {
            let group = G::groups(&tenant.management_data).get(&id)?;
            let mut members = Vec::new();
            each_user(&*tenant.directory, |stored| {
                if G::keys(&stored.user).iter().any(|key| key == group.key()) {
                    members.push(profile::describe_member(&stored.user));
                }
                Ok(members.len() < MOST_LISTED)
            })?;
            query.select_page(&members, name, "user_id")
        })
        .await
}

/// Makes the users members of the groups. Changes nothing if a group or a user does not exist.
pub(super) async fn add<G: StoredGroup>(
    visit: Visit<()>,
    users: Vec<String>,
    ids: Vec<String>,
) -> Result<(), Problem> {
    visit
        .run(move |Visit { tenant, .. }| {
            let groups = ids.iter().map(|id| G::groups(&tenant.management_data).get(id));
            let groups = groups.collect::<Result<Vec<_>, _>>()?;
            users.iter().try_for_each(|user| tenant.directory.get(user).map(|_| ()))?;
            users.iter().try_for_each(|user| {
                change_keys::<G>(&*tenant.directory, user, |keys| {
                    for group in &groups {
                        if !keys.iter().any(|key| key == group.key()) {
                            keys.push(group.key().to_owned());
                        }
                    }
                })
            })
        })
        .await
}

/// Ends the membership of the users in the groups, also in groups that are unknown to the
/// tenant.
pub(super) async fn remove<G: StoredGroup>(
    visit: Visit<()>,
    users: Vec<String>,
    ids: Vec<String>,
) -> Result<(), Problem> {
    visit
        .run(move |Visit { tenant, .. }| {
            let known = groups_by_key::<G>(&tenant.management_data);
            let is_kept = |key: &str| !ids.iter().any(|id| id == find(&known, key).id());
            users.iter().try_for_each(|user| {
                change_keys::<G>(&*tenant.directory, user, |keys| keys.retain(|key| is_kept(key)))
            })
        })
        .await
}

/// Replaces the key of a group at all its members with `by`, or removes it.
pub(super) fn replace_key<G: StoredGroup>(
    directory: &dyn Administration,
    key: &str,
    by: Option<&str>,
) -> Result<(), Problem> {
    let mut members = Vec::new();
    each_user(directory, |stored| {
        if G::keys(&stored.user).iter().any(|it| it == key) {
            members.push(stored.user.user_id.clone());
        }
        Ok(true)
    })?;
    for member in members {
        let done = change_keys::<G>(directory, &member, |keys| {
            let had = keys.len();
            keys.retain(|it| it != key && Some(it.as_str()) != by);
            if had > keys.len() {
                keys.extend(by.map(str::to_owned));
            }
        });
        match done {
            // The user was deleted in the meantime.
            Err(problem) if problem.status == StatusCode::NOT_FOUND => {}
            other => other?,
        }
    }
    Ok(())
}

/// Changes the keys of the groups of a user. Retries if the user is changed at the same time.
fn change_keys<G: StoredGroup>(
    directory: &dyn Administration,
    user_id: &str,
    with: impl Fn(&mut Vec<String>),
) -> Result<(), Problem> {
    for _ in 0..5 {
        let stored = directory.get(user_id)?;
        let mut user = User::clone(&stored.user);
        with(G::keys_mut(&mut user));
        if G::keys(&user) == G::keys(&stored.user) {
            return Ok(());
        }
        user.updated_at = Some(directory.ambient().now());
        match directory.update(user, stored.version) {
            Ok(_) => return Ok(()),
            Err(ApiError::StateChanged(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::StateChanged(String::new()).into())
}

/// Returns the groups of a user, in the user's order.
fn groups_of<G: StoredGroup>(data: &ManagementData, user: &User) -> Vec<G> {
    let known = groups_by_key::<G>(data);
    G::keys(user).iter().map(|key| find(&known, key)).collect()
}

fn groups_by_key<G: StoredGroup>(data: &ManagementData) -> BTreeMap<String, G> {
    G::groups(data).list().into_iter().map(|group| (group.key().to_owned(), group)).collect()
}

fn find<G: StoredGroup>(known: &BTreeMap<String, G>, key: &str) -> G {
    known.get(key).cloned().unwrap_or_else(|| G::from_key(key))
}
