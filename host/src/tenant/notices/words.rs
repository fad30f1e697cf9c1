//! Times and masked addresses, as the account page and its notices show them.

use crate::model::{Identity, Timestamp, User};
use crate::tenant::config::Config;
use crate::tenant::profile;

/// Returns a time for people, in UTC.
pub(crate) fn format_time(at: Timestamp) -> String {
    let at = i64::try_from(at.as_millis()).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    at.map_or_else(String::new, |at| at.strftime("%-d %b %Y, %H:%M UTC").to_string())
}

/// Masks an address or a phone number: `a***@example.com`, `***00`. The page may be open on a
/// screen that others see.
pub(crate) fn mask_contact(contact: &str) -> String {
    match contact.rsplit_once('@') {
        Some((local, domain)) => {
            let first = local.chars().next().map(String::from).unwrap_or_default();
            format!("{first}***@{domain}")
        }
        None => {
            let last = contact.char_indices().rev().nth(1).map_or(0, |(place, _)| place);
            format!("***{}", if contact.chars().count() > 4 { &contact[last..] } else { "" })
        }
    }
}

/// Joins names as a sentence lists them: `A, B and C`.
pub(crate) fn join_names(names: &[String]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        names => names.concat(),
    }
}

/// Returns a user's name. An address in its place is masked.
pub(crate) fn name_user(user: &User) -> String {
    let [(_, name), ..] = profile::derive_profile(user);
    if name.contains('@') { mask_contact(&name) } else { name }
}

/// Returns the label of an identity's connection.
pub(crate) fn label_identity<'a>(config: &'a Config, identity: &'a Identity) -> &'a str {
    match config.connection(&identity.connection) {
        Some(it) if it.is_database() && it.name == "Username-Password-Authentication" => "Password",
        Some(it) if it.strategy == "sms" => "Code by phone",
        Some(it) if it.strategy == "email" => "Code by email",
        Some(it) => it.label(),
        None => &identity.connection,
    }
}

/// Returns the address or the phone number of one of a user's identities.
pub(crate) fn find_contact<'a>(user: &'a User, identity: &'a Identity) -> Option<&'a str> {
    let is_main = user.identities.first().is_some_and(|main| main.key() == identity.key());
    let text = |key: &str| {
        let attributes = if is_main { Some(&user.rest) } else { identity.profile_data.as_ref() };
        attributes?.get(key)?.as_str()
    };
    let email = if is_main { user.email.as_deref() } else { text("email") };
    email.or_else(|| text("phone_number"))
}

#[cfg(test)]
mod tests {
    use super::{format_time, join_names, mask_contact};

    #[test]
    fn a_contact_shows_its_first_letter_or_its_last_digits() {
        for (contact, masked) in [
            ("ada@example.com", "a***@example.com"),
            ("\"a@b\"@example.com", "\"***@example.com"),
            ("@example.com", "***@example.com"),
            ("+15550100", "***00"),
            ("ünü@exämple.com", "ü***@exämple.com"),
            ("äöüßé", "***ßé"),
            ("123", "***"),
            ("", "***"),
        ] {
            assert_eq!(mask_contact(contact), masked, "{contact}");
        }
    }

    #[test]
    fn names_are_joined_as_in_a_sentence() {
        let names = ["A", "B", "C"].map(str::to_owned);
        for (count, joined) in ["", "A", "A and B", "A, B and C"].iter().enumerate() {
            assert_eq!(join_names(&names[..count]), *joined);
        }
    }

    #[test]
    fn a_time_is_read_by_people() {
        assert_eq!(format_time("2026-11-06T09:05:59.999Z".parse().unwrap()), "6 Nov 2026, 09:05 UTC");
    }
}
