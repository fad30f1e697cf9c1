//! Making a linked identity a user of its own again.

use std::sync::Arc;

use super::Unlink;
use super::journal::{Entry, Kind};
use super::journal_query::write_down;
use super::records::{Done, Records, overtaken};
use super::users::{change, claim, existing, first_version};
use crate::model::{ApiError, Identity, User, mask_addresses, note_separation, stand_alone};

pub(super) fn unlink(records: &mut dyn Records, unlink: &Unlink) -> Done<Arc<User>> {
    let Unlink { primary, provider, user_id, provenance, now } = unlink;
    let stored = existing(records, primary)?;
    let mut rest = User::clone(&stored.user);
    let place = rest.identities.iter().position(|it| it.provider == *provider && it.user_id == *user_id);
    let identity = match place {
        // As recorded: 200, and nothing has changed.
        None => return Ok(stored.user),
        Some(0) => return Err(ApiError::Invalid("the main identity cannot be removed".to_owned()).into()),
        Some(place) => rest.identities.remove(place),
    };
    let mut separated = stand_alone(&identity, *now);
    let staying: Vec<String> = rest.identities.iter().map(Identity::as_user_id).collect();
    let by = provenance.actor.parts_as();
    let noted = [
        note_separation(&mut rest, [separated.user_id.as_str()], by, *now),
        note_separation(&mut separated, staying.iter().map(String::as_str), by, *now),
    ];
    for why in noted.into_iter().filter_map(Result::err) {
        tracing::warn!(user = &*mask_addresses(primary), %why, "an unlink was not noted: the pair may be linked again");
    }
    rest.updated_at = Some(*now);

    let sides = [primary.as_str(), &separated.user_id];
    let entry = Entry::new(Kind::Unlink, sides, (provenance, *now), records.ambient());
    write_down(records, entry)?;
    let rest = change(records, rest, stored.version)?;
    if !records.remove_identity(&identity, primary)? {
        return Err(overtaken(primary));
    }
    claim(records, &separated.identities, &separated.user_id)?;
    let version = first_version(records.ambient());
    if !records.add_user(&Arc::new(separated), version)? {
        return Err(overtaken(primary));
    }
    Ok(rest)
}
