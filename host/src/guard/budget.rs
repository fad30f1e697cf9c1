//! The number of calls that one login may make.

use crate::limits::Limits;

/// The look-ups and links of one login: how many there may be, and how many are
/// left.
pub(super) struct Budget {
    look_ups: u32,
    look_ups_left: u32,
    links: u32,
    links_left: u32,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            look_ups: limits.look_ups,
            look_ups_left: limits.look_ups,
            links: limits.links,
            links_left: limits.links,
        }
    }

    /// Counts a look-up.
    ///
    /// # Errors
    ///
    /// The limit in words, when none is left.
    pub(super) fn spend_look_up(&mut self) -> Result<(), String> {
        let left = self.look_ups_left.checked_sub(1);
        self.look_ups_left =
            left.ok_or_else(|| format!("{} look-ups in a login (the limit is `look_ups`)", self.look_ups))?;
        Ok(())
    }

    /// Counts a link.
    ///
    /// # Errors
    ///
    /// The limit in words, when none is left.
    pub(super) fn spend_link(&mut self) -> Result<(), String> {
        let left = self.links_left.checked_sub(1);
        self.links_left =
            left.ok_or_else(|| format!("{} links in a login (the limit is `links`)", self.links))?;
        Ok(())
    }
}
