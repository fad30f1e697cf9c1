//! The lists of organizations whose members may be linked.

use std::fmt;

use serde::Deserialize;

use crate::index::Index;

/// Lists of organizations whose members may be linked. With an index, the cost of comparing two
/// organizations does not grow with the number of lists.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "Vec<Vec<String>>")]
pub struct LinkedOrganizations {
    lists: Vec<Vec<String>>,
    /// None if the lists have few names, or are read for one login.
    members: Option<Box<Members>>,
}

/// The lists that an organization is in.
#[derive(Clone)]
struct Members {
    /// For each name in a list, the place of the list, and its place there.
    places: Vec<(usize, usize)>,
    index: Box<Index>,
    /// For each organization one after the other, the places of its lists, ascending.
    of_all: Vec<usize>,
    /// For each of the places, where the lists of its organization begin in `of_all`, and behind the
    /// last where they end. There are some for the first place of an organization alone.
    begins: Vec<usize>,
}

impl From<Vec<Vec<String>>> for LinkedOrganizations {
    fn from(lists: Vec<Vec<String>>) -> Self {
        Self { lists, members: None }
    }
}

impl PartialEq for LinkedOrganizations {
    fn eq(&self, other: &Self) -> bool {
        self.lists == other.lists
    }
}

impl Eq for LinkedOrganizations {}

impl Members {
    fn from_places(places: Vec<(usize, usize)>, lists: &[Vec<String>]) -> Option<Self> {
        let name_at = |place: usize| {
            let (list, name) = places.get(place)?;
            lists.get(*list)?.get(*name).map(String::as_str)
        };
        let index = Index::new(places.len(), name_at)?;
        let first = |place: usize| {
            let name = name_at(place)?;
            index.find(name, |place| name_at(place) == Some(name))
        };
        let firsts: Vec<usize> = (0..places.len()).filter_map(first).collect();
        // First how many lists each organization has, then where they end, and, while they are filled
        // in from behind, where they begin.
        let mut begins = vec![0; places.len() + 1];
        firsts.iter().for_each(|first| begins[*first] += 1);
        let mut end = 0;
        for begin in &mut begins {
            end += *begin;
            *begin = end;
        }
        let mut of_all = vec![0; end];
        for (first, (list, _)) in firsts.iter().zip(&places).rev() {
            begins[*first] -= 1;
            of_all[begins[*first]] = *list;
        }
        Some(Self { places, index, of_all, begins })
    }

    fn lists_of(&self, organization: &str, lists: &[Vec<String>]) -> &[usize] {
        let is_at = |&(list, name): &(usize, usize)| {
            lists.get(list).and_then(|names| names.get(name)).is_some_and(|it| it == organization)
        };
        let first = self.index.find(organization, |place| self.places.get(place).is_some_and(is_at));
        let range = first.and_then(|first| Some(*self.begins.get(first)?..*self.begins.get(first + 1)?));
        range.and_then(|range| self.of_all.get(range)).unwrap_or_default()
    }
}

impl LinkedOrganizations {
    /// Builds the index.
    pub(crate) fn index(&mut self) {
        let places = self.lists.iter().enumerate();
        let places = places.flat_map(|(list, names)| (0..names.len()).map(move |name| (list, name)));
        self.members = Members::from_places(places.collect(), &self.lists).map(Box::new);
    }

    /// Returns whether one list has both organizations.
    #[must_use]
    pub fn are_linked(&self, a: &str, b: &str) -> bool {
        let Some(members) = &self.members else {
            let has = |list: &[String], organization: &str| list.iter().any(|it| it == organization);
            return self.lists.iter().any(|list| has(list, a) && has(list, b));
        };
        let (of_a, of_b) = (members.lists_of(a, &self.lists), members.lists_of(b, &self.lists));
        // One organization may be in every list.
        let (few, many) = if of_a.len() < of_b.len() { (of_a, of_b) } else { (of_b, of_a) };
        few.iter().any(|list| many.binary_search(list).is_ok())
    }

    /// Returns whether there is no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The lists, in the order of the document.
    pub fn iter(&self) -> std::slice::Iter<'_, Vec<String>> {
        self.lists.iter()
    }
}

impl fmt::Debug for LinkedOrganizations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lists.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::LinkedOrganizations;

    fn name(number: usize) -> String {
        format!("it-{number}")
    }

    #[test]
    fn organizations_are_linked_by_a_list_that_has_both() {
        // The first is in every list with another one; then come lists of three.
        let hub = (1..20).map(|other| vec![name(0), name(other)]);
        let threes = (20..40).map(|first| (first..first + 3).map(name).collect());
        let all: Vec<Vec<String>> = hub.chain(threes).collect();
        for count in [0, 1, 2, 3, 39] {
            let lists = all[all.len() - count..].to_vec();
            let plain = LinkedOrganizations::from(lists.clone());
            let mut linked = plain.clone();
            linked.index();
            assert_eq!(plain, linked);
            for (a, b) in (0..45).flat_map(|a| (0..45).map(move |b| (name(a), name(b)))) {
                let expected = lists.iter().any(|list| list.contains(&a) && list.contains(&b));
                assert_eq!(linked.are_linked(&a, &b), expected, "{a} and {b} in {count} lists");
                assert_eq!(plain.are_linked(&a, &b), expected, "{a} and {b} in {count} lists");
            }
            assert!(linked.iter().eq(lists.iter()) && linked.is_empty() == (count == 0));
            assert_eq!(format!("{linked:?}"), format!("{lists:?}"));
        }
    }
}
