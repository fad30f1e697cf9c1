//! Lists of names, and values by name.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::index::Index;

/// A list of names in the order of the document. With an index, finding a name costs the same in a list
/// of any length.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Names {
    list: Vec<String>,
    /// None if the list is short, or read for one login.
    index: Option<Box<Index>>,
}

impl From<Vec<String>> for Names {
    fn from(list: Vec<String>) -> Self {
        Self { list, index: None }
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Names {}

impl Names {
    /// Builds the index.
    pub(crate) fn index(&mut self) {
        self.index = Index::new(self.list.len(), |place| Some(self.list.get(place)?));
    }

    /// Returns whether this name is in the list.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &str) -> bool {
        !self.list.is_empty() && self.position(name).is_some()
    }

    /// Returns the place of this name, from 0; the first if it is there several times.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.find(name, |it| it == name)
    }

    /// Returns whether the list has this name in any case of its ASCII letters.
    #[must_use]
    pub fn contains_ignoring_case(&self, name: &str) -> bool {
        self.find(name, |it| it.eq_ignore_ascii_case(name)).is_some()
    }

    fn find(&self, name: &str, is_it: impl Fn(&str) -> bool) -> Option<usize> {
        match &self.index {
            None => self.list.iter().position(|it| is_it(it)),
            Some(index) => index.find(name, |place| self.list.get(place).is_some_and(|it| is_it(it))),
        }
    }

    /// Returns whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The names, in the order of the document.
    pub fn iter(&self) -> std::slice::Iter<'_, String> {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a Names {
    type Item = &'a String;
    type IntoIter = std::slice::Iter<'a, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

/// Values by name, in the order of the names. With an index, finding one costs the same among any
/// number.
#[derive(Clone, Deserialize)]
#[serde(from = "BTreeMap<String, V>", bound(deserialize = "V: Deserialize<'de>"))]
pub struct ByName<V> {
    entries: Vec<(String, V)>,
    /// None if there are few, or read for one login.
    index: Option<Box<Index>>,
}

impl<V> From<BTreeMap<String, V>> for ByName<V> {
    fn from(values: BTreeMap<String, V>) -> Self {
        Self { entries: values.into_iter().collect(), index: None }
    }
}

impl<V: PartialEq> PartialEq for ByName<V> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<V: Eq> Eq for ByName<V> {}

impl<V> Default for ByName<V> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: None }
    }
}

impl<V> ByName<V> {
    /// Builds the index.
    pub(crate) fn index(&mut self) {
        self.index = Index::new(self.entries.len(), |place| Some(&self.entries.get(place)?.0));
    }

    /// The values, in the order of their names.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// Returns the value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&V> {
        let is_it = |entry: &(String, V)| entry.0 == name;
        let entry = match &self.index {
            None => self.entries.iter().find(|entry| is_it(entry)),
            Some(index) => {
                let place = index.find(name, |place| self.entries.get(place).is_some_and(is_it))?;
                self.entries.get(place)
            }
        };
        entry.map(|(_, value)| value)
    }

    /// Returns whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The names and their values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &V)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }
}

impl<V: fmt::Debug> fmt::Debug for ByName<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{ByName, Names};

    fn list(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("Name-{number}")).collect()
    }

    #[test]
    fn short_and_long_lists_find_the_same() {
        for count in [0, 1, 4, 5, 300] {
            let plain = Names::from(list(count));
            let mut names = plain.clone();
            names.index();
            assert_eq!((names.len(), names.is_empty()), (count, count == 0));
            assert_eq!(names, plain);
            for (place, name) in list(301).iter().enumerate() {
                let place = (place < count).then_some(place);
                assert_eq!((names.position(name), plain.position(name)), (place, place));
                assert_eq!(names.contains(name), place.is_some());
                assert_eq!(names.contains_ignoring_case(name), place.is_some());
                assert_eq!(names.contains_ignoring_case(&name.to_ascii_uppercase()), place.is_some());
                assert!(!names.contains(&name.to_ascii_uppercase()));
            }
        }
    }

    #[test]
    fn a_list_stays_as_it_is_written() {
        let written = r#"["b","a","b","A","","c","a"]"#;
        let names: Names = serde_json::from_str(written).unwrap();
        assert_eq!(names.iter().collect::<Vec<_>>(), ["b", "a", "b", "A", "", "c", "a"]);
        assert_eq!(names.position("a"), Some(1));
        assert_eq!(names.position(""), Some(4));
        assert_eq!(format!("{names:?}"), r#"["b", "a", "b", "A", "", "c", "a"]"#);
        let fault = |text: &str| serde_json::from_str::<Names>(text).unwrap_err().to_string();
        let fault_of_list = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap_err().to_string();
        for text in ["7", "[7]", r#"{"a": 1}"#, "null"] {
            assert_eq!(fault(text), fault_of_list(text));
        }
    }

    #[test]
    fn values_are_found_by_name() {
        for count in [0, 1, 4, 5, 300] {
            let map: BTreeMap<String, usize> = list(count).into_iter().zip(0..).collect();
            let plain = ByName::from(map.clone());
            let mut values = plain.clone();
            values.index();
            assert_eq!(values, plain);
            for name in list(301) {
                assert_eq!((values.get(&name), plain.get(&name)), (map.get(&name), map.get(&name)));
            }
            assert!(values.iter().eq(map.iter()));
            assert_eq!(format!("{values:?}"), format!("{map:?}"));
        }
    }
}
