//! The groups of connections.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use crate::index::Index;

/// The groups of connections, by name of the group. With an index, finding the group of a connection
/// costs the same with any number of groups and names.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "BTreeMap<String, Vec<String>>")]
pub struct ConnectionGroups {
    /// In the order of their names.
    groups: Vec<(String, Vec<String>)>,
    /// None if the groups hold few names, or are read for one login.
    held: Option<Box<Held>>,
}

/// The names that the groups hold.
#[derive(Clone)]
struct Held {
    /// For each name, the place of its group, and its place there.
    places: Vec<(usize, usize)>,
    index: Box<Index>,
    /// The place of the group that holds `*`.
    of_others: Option<usize>,
}

impl From<BTreeMap<String, Vec<String>>> for ConnectionGroups {
    fn from(groups: BTreeMap<String, Vec<String>>) -> Self {
        Self { groups: groups.into_iter().collect(), held: None }
    }
}

impl PartialEq for ConnectionGroups {
    fn eq(&self, other: &Self) -> bool {
        self.groups == other.groups
    }
}

impl Eq for ConnectionGroups {}

impl ConnectionGroups {
    /// Builds the index.
    pub(crate) fn index(&mut self) {
        let places = self.groups.iter().enumerate();
        let places = places.flat_map(|(group, (_, names))| (0..names.len()).map(move |name| (group, name)));
        let places: Vec<(usize, usize)> = places.collect();
        let name_at =
            |&(group, name): &(usize, usize)| self.groups.get(group)?.1.get(name).map(String::as_str);
        let index = Index::new(places.len(), |place| name_at(places.get(place)?));
        let of_others = self.place_holding("*");
        self.held = index.map(|index| Box::new(Held { places, index, of_others }));
    }

    /// Returns the name of the group that holds a connection, or else of the one that holds `*`;
    /// the first if several do.
    #[must_use]
    #[inline]
    pub fn find(&self, connection: &str) -> Option<&str> {
        if self.groups.is_empty() { None } else { self.find_in_groups(connection) }
    }

    fn find_in_groups(&self, connection: &str) -> Option<&str> {
        let group = match &self.held {
            None => self.place_holding(connection).or_else(|| self.place_holding("*")),
            Some(held) => self.find_held(held, connection).or(held.of_others),
        };
        self.groups.get(group?).map(|(name, _)| name.as_str())
    }

    /// Returns the place of the first group that holds this name, by looking at each name.
    fn place_holding(&self, wanted: &str) -> Option<usize> {
        self.groups.iter().position(|(_, names)| names.iter().any(|name| name == wanted))
    }

    /// Returns the place of the first group that holds this name, by the index.
    fn find_held(&self, held: &Held, connection: &str) -> Option<usize> {
        let is_at = |&(group, name): &(usize, usize)| {
            self.groups.get(group).and_then(|(_, names)| names.get(name)).is_some_and(|it| it == connection)
        };
        let place = held.index.find(connection, |place| held.places.get(place).is_some_and(is_at))?;
        held.places.get(place).map(|(group, _)| *group)
    }

    /// Returns the first name that stands twice, in one group or in two.
    pub(crate) fn find_repeated(&self) -> Option<&String> {
        let mut seen = BTreeSet::new();
        self.names().find(|name| !seen.insert(name.as_str()))
    }

    /// Every name in a group.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.groups.iter().flat_map(|(_, names)| names)
    }

    /// The groups and their names, in the order of the groups' names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.groups.iter().map(|(group, names)| (group, names))
    }
}

impl fmt::Debug for ConnectionGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::ConnectionGroups;

    fn name(number: usize) -> String {
        format!("it-{number}")
    }

    /// Groups of three names, of which the last is also in the next group.
    fn groups(count: usize) -> BTreeMap<String, Vec<String>> {
        let names = |group: usize| (2 * group..2 * group + 3).map(name).collect();
        (0..count).map(|group| (format!("group-{group}"), names(group))).collect()
    }

    #[test]
    fn a_connection_is_in_the_first_group_that_holds_it_or_else_in_the_one_of_all_others() {
        for count in [0, 1, 2, 3, 30] {
            for star in [None, Some("a"), Some("group-2"), Some("z")] {
                let mut map = groups(count);
                if let Some(group) = star {
                    map.entry(group.to_owned()).or_default().push("*".to_owned());
                }
                map.insert("empty".to_owned(), Vec::new());
                let plain = ConnectionGroups::from(map.clone());
                let mut indexed = plain.clone();
                indexed.index();
                assert_eq!(plain, indexed);
                let holding =
                    |wanted: &str| map.iter().find(|(_, names)| names.iter().any(|it| it == wanted));
                for wanted in (0..64).map(name).chain(["*".to_owned(), String::new()]) {
                    let expected = holding(&wanted).or_else(|| holding("*")).map(|(group, _)| group.as_str());
                    assert_eq!(indexed.find(&wanted), expected, "{wanted} in {count} groups");
                    assert_eq!(plain.find(&wanted), expected, "{wanted} in {count} groups");
                }
                assert!(indexed.iter().eq(map.iter()));
                assert_eq!(format!("{indexed:?}"), format!("{map:?}"));
            }
        }
    }

    #[test]
    fn a_name_that_is_held_twice_is_found() {
        let of = |groups: &[&[&str]]| {
            let owned = |names: &&[&str]| names.iter().map(|it| (*it).to_owned()).collect();
            let groups: BTreeMap<String, Vec<String>> =
                (0..).map(name).zip(groups.iter().map(owned)).collect();
            ConnectionGroups::from(groups).find_repeated().cloned()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[&["a", "b"], &["c", "d", "e"]]), None);
        assert_eq!(of(&[&["a", "b"], &["c", "b", "a"]]).as_deref(), Some("b"));
        assert_eq!(of(&[&["a", "b", "c", "d"], &["e", "e", "a"]]).as_deref(), Some("e"));
    }
}
