//! Organizations that users may be members of.

use serde::Deserialize;

use super::derive_id_with_prefix;

/// The most characters of a name, and of a name for people.
///
/// Source: Auth0, "Create Organizations".
pub(in crate::tenant) const NAME_LENGTHS: (usize, usize) = (50, 255);

/// An organization. Users refer to it by its id.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredOrganization {
    /// The id, such as `org_…`. By default, it is derived from the name.
    #[serde(default)]
    pub id: String,
    /// The name, in lower case.
    pub name: String,
    /// The name for people.
    pub display_name: Option<String>,
}

impl ConfiguredOrganization {
    /// Fills in an id that is not given.
    pub(super) fn complete(&mut self) {
        if self.id.is_empty() {
            self.id = derive_organization_id(&self.name);
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let is_id = self.id.is_empty()
            || self.id.strip_prefix("org_").is_some_and(|rest| {
                (1..=60).contains(&rest.len()) && rest.bytes().all(|it| it.is_ascii_alphanumeric())
            });
        if !is_id {
            return Err("an id begins with org_, followed by letters and digits".to_owned());
        }
        check_name(&self.name)?;
        self.display_name.as_deref().map_or(Ok(()), check_display_name)
    }
}

/// Returns the id derived from the name of an organization, the same at every start.
pub(super) fn derive_organization_id(name: &str) -> String {
    derive_id_with_prefix("org_", name)
}

/// Checks the name of an organization.
pub(in crate::tenant) fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let is_name = (1..=NAME_LENGTHS.0).contains(&name.len())
        && name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|it| is_letter(it) || matches!(it, b'-' | b'_'));
    if is_name {
        return Ok(());
    }
    Err("a name has up to 50 small letters, digits, - and _, and begins with a letter or a digit".to_owned())
}

/// Checks the name for people.
pub(in crate::tenant) fn check_display_name(name: &str) -> Result<(), String> {
    let is_name = (1..=NAME_LENGTHS.1).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if is_name {
        Ok(())
    } else {
        Err("a display_name has up to 255 characters, and no line breaks".to_owned())
    }
}
