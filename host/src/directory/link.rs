//! Linking two users.

use std::sync::Arc;

use super::CheckedLink;
use super::journal::{Entry, Kept, Kind, Snapshot, Touched};
use super::journal_query::write_down;
use super::records::{Done, Interrupted, Records, overtaken};
use super::users::at_version;
use crate::model::{ApiError, User, absorb};

/// The journal first, then the link: in one transaction, but a reader of this
/// function should see that nothing is destroyed unrecorded.
pub(super) fn link(records: &mut dyn Records, link: &CheckedLink) -> Done<Arc<User>> {
    let CheckedLink { request, primary_version, secondary_version, provenance, now } = link;
    if request.primary == request.secondary {
        return Err(ApiError::Invalid("primary and secondary are the same user".to_owned()).into());
    }
    let mut side = |user_id: &str, version| at_version(records, user_id, version);
    let sides = side(&request.primary, *primary_version)
        .and_then(|primary| Ok((primary, side(&request.secondary, *secondary_version)?)));
    let (primary, secondary) = match sides {
        Ok(sides) => sides,
        Err(why @ Interrupted::Answer(ApiError::StateChanged(_) | ApiError::NotFound(_))) => {
            // If they are linked by now, that is the reason, and not what
            // followed from it.
            refuse_if_linked(records, &request.secondary)?;
            refuse_if_linked(records, &request.primary)?;
            return Err(why);
        }
        Err(other) => return Err(other),
    };
    let linked = Arc::new(absorb(&primary.user, &secondary.user, request, *now));

    let touched = Touched::between(&primary.user, &linked);
    let sides = [request.primary.as_str(), &request.secondary];
    let entry = Entry {
        kept: Kept::Whole(Snapshot { secondary: secondary.user.clone(), touched }),
        reasons: request.reasons.clone(),
        ..Entry::new(Kind::Link, sides, (provenance, *now), records.ambient())
    };
    write_down(records, entry)?;

    // Both rows in one order, whoever is the primary: two links of the same
    // pair must not wait for each other. Who is overtaken looks again, and
    // finds out whether the accounts were linked or only changed.
    let replace = |records: &mut dyn Records| {
        let replaced = records.replace_user(&linked, primary.version)?;
        if replaced { Ok(()) } else { Err(overtaken(&request.primary)) }
    };
    if request.primary < request.secondary {
        replace(records)?;
    }
    if !records.remove_user(&request.secondary, secondary.version)? {
        return Err(overtaken(&request.secondary));
    }
    if request.primary > request.secondary {
        replace(records)?;
    }
    for identity in &secondary.user.identities {
        if !records.move_identity(identity, &request.secondary, &request.primary)? {
            return Err(overtaken(&request.secondary));
        }
    }
    Ok(linked)
}

/// What has become an identity of another user is no user any more.
fn refuse_if_linked(records: &mut dyn Records, user_id: &str) -> Done<()> {
    let Some((provider, id)) = user_id.split_once('|') else { return Ok(()) };
    match records.owner(provider, id)? {
        Some(owner) if owner.user_id != user_id => {
            Err(ApiError::AlreadyLinked(format!("{user_id} is already an identity of {}", owner.user_id))
                .into())
        }
        _ => Ok(()),
    }
}
