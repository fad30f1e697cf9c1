//! The groups of connections.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::index::Index;

/// The groups of connections, by name of the group. Finding the group of a connection costs the
/// same with any number of groups and names.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<String, Vec<String>>")]
pub struct ConnectionGroups {
    /// In the order of their names.
    groups: Vec<(String, Vec<String>)>,
    /// None if no group holds a name.
    held: Option<Box<Held>>,
}

/// The names that the groups hold.
#[derive(Clone, PartialEq, Eq)]
struct Held {
    /// For each name, the place of its group, and its place there.
    places: Vec<(usize, usize)>,
    /// None if there are few.
    index: Option<Box<Index>>,
    /// The place of the group that holds `*`.
    of_others: Option<usize>,
}

impl From<BTreeMap<String, Vec<String>>> for ConnectionGroups {
    fn from(groups: BTreeMap<String, Vec<String>>) -> Self {
        let groups: Vec<(String, Vec<String>)> = groups.into_iter().collect();
        let places = groups.iter().enumerate();
        let places = places.flat_map(|(group, (_, names))| (0..names.len()).map(move |name| (group, name)));
        let places: Vec<(usize, usize)> = places.collect();
        let name_at = |&(group, name): &(usize, usize)| groups.get(group)?.1.get(name).map(String::as_str);
        let index = Index::new(places.len(), |place| name_at(places.get(place)?));
        let of_others = places.iter().find(|place| name_at(place) == Some("*")).map(|(group, _)| *group);
        let held = (!places.is_empty()).then(|| Box::new(Held { places, index, of_others }));
        Self { groups, held }
    }
}

impl ConnectionGroups {
    /// Returns the name of the group that holds a connection, or else of the one that holds `*`;
    /// the first if several do.
    #[must_use]
    #[inline]
    pub fn find(&self, connection: &str) -> Option<&str> {
        self.find_held(self.held.as_ref()?, connection)
    }

    fn find_held(&self, held: &Held, connection: &str) -> Option<&str> {
        let place = self.place_of(held, connection).and_then(|place| held.places.get(place));
        let group = place.map(|(group, _)| *group).or(held.of_others)?;
        self.groups.get(group).map(|(name, _)| name.as_str())
    }

    /// Returns the first of the places that has this name.
    fn place_of(&self, held: &Held, connection: &str) -> Option<usize> {
        let is_at = |&(group, name): &(usize, usize)| {
            self.groups.get(group).and_then(|(_, names)| names.get(name)).is_some_and(|it| it == connection)
        };
        match &held.index {
            None => held.places.iter().position(is_at),
            Some(index) => index.find(connection, |place| held.places.get(place).is_some_and(is_at)),
        }
    }

    /// Returns the first name that a group, or another group, has held before.
    pub(crate) fn find_repeated(&self) -> Option<&String> {
        let held = self.held.as_ref()?;
        let repeated = |(place, name): &(usize, &String)| self.place_of(held, name) != Some(*place);
        self.names().enumerate().find(repeated).map(|(_, name)| name)
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
                let indexed = ConnectionGroups::from(map.clone());
                let holding =
                    |wanted: &str| map.iter().find(|(_, names)| names.iter().any(|it| it == wanted));
                for wanted in (0..64).map(name).chain(["*".to_owned(), String::new()]) {
                    let expected = holding(&wanted).or_else(|| holding("*")).map(|(group, _)| group.as_str());
                    assert_eq!(indexed.find(&wanted), expected, "{wanted} in {count} groups");
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
