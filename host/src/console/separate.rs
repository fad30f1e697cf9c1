//! Marking accounts as those of different persons.

use axum::http::StatusCode;
use ligature_linking_marks::LINKING;
use serde_json::Value;

use super::paths::CONFLICTS;
use super::visit::{ConsoleVisit, RefusalPage};
use crate::directory::{MetadataUpdate, Stored};
use crate::model::{ApiError, Identity, Metadata, MetadataPatch, User, note_separation};

/// Marks each of these users as separated from the others by an operator: logins do not link them until
/// the policy's cool-down is over, as after an undo. Users who are gone are left out. Marks that were
/// made before a failure stay; the operator repeats the form.
pub(super) fn mark_as_separate(visit: &ConsoleVisit, user_ids: &[String]) -> Result<(), RefusalPage> {
    let mut users: Vec<Stored> = Vec::new();
    for id in user_ids {
        match visit.directory().get(id) {
            Ok(stored) => users.push(stored),
            Err(ApiError::NotFound(_)) => {}
            Err(error) => return Err(visit.refuse_unavailable(&error)),
        }
    }
    for (place, stored) in users.iter().enumerate() {
        let others = users.iter().enumerate().filter(|(other, _)| *other != place);
        let ids: Vec<String> =
            others.flat_map(|(_, other)| other.user.identities.iter().map(Identity::as_user_id)).collect();
        mark(visit, stored, &ids)?;
    }
    Ok(())
}

fn mark(visit: &ConsoleVisit, stored: &Stored, from: &[String]) -> Result<(), RefusalPage> {
    let mut user = User::clone(&stored.user);
    let user_id = user.user_id.clone();
    let refuse = |words: String| {
        visit.refuse_with_link(StatusCode::CONFLICT, &words, (CONFLICTS, "Back to the conflicts"))
    };
    let marked = note_separation(&mut user, from.iter().map(String::as_str), Some("operator"), visit.now());
    if marked.is_err() {
        let words = format!("app_metadata.linking of {user_id} has a form of its own. Nothing was changed.");
        return Err(refuse(words));
    }
    let linking = user.app_metadata.and_then(|mut metadata| metadata.remove(LINKING));
    let mut change = Metadata::new();
    change.insert(LINKING.to_owned(), linking.unwrap_or(Value::Null));
    let patch = MetadataPatch { app_metadata: Some(change), user_metadata: None };
    let update =
        MetadataUpdate { user_id: &user_id, version: Some(stored.version), patch: &patch, now: visit.now() };
    match visit.directory().patch_metadata(&update) {
        Ok(_) => Ok(()),
        Err(ApiError::StateChanged(_) | ApiError::NotFound(_)) => {
            Err(refuse(format!("{user_id} was changed meanwhile. Try again; the conflict still waits.")))
        }
        Err(error) => Err(visit.refuse_unavailable(&error)),
    }
}
