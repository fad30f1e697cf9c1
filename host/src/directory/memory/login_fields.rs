//! The fields of a user that a login changes.

use crate::directory::records::{LAST_IP, last_ip};
use crate::model::{Timestamp, User};

/// Returns the fields that a login changes.
pub(super) fn logins(user: &User) -> (Option<u64>, Option<Timestamp>, Option<&str>) {
    (user.logins_count, user.last_login, last_ip(user))
}

/// Copies the fields that a login changes.
pub(super) fn set_logins(user: &mut User, from: &User) {
    (user.logins_count, user.last_login) = (from.logins_count, from.last_login);
    match from.rest.get(LAST_IP) {
        Some(ip) => drop(user.rest.insert(LAST_IP.to_owned(), ip.clone())),
        None => drop(user.rest.remove(LAST_IP)),
    }
}
