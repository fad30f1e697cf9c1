//! The list of trusted connections.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::index::Index;
use crate::{Names, TrustedConnection};

/// The trusted connections in the order of the document. With an index, the terms of a connection are
/// found in a time that does not grow with the list.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "Vec<TrustedConnection>")]
pub struct TrustedConnections {
    entries: Vec<TrustedConnection>,
    has_all: bool,
    /// None if the list is short, or read for one login.
    listed: Option<Box<Listed>>,
}

/// Where the entries of a long list are.
#[derive(Clone)]
struct Listed {
    by_name: Together,
    by_strategy: Together,
}

/// The entries of each name, or of each strategy.
#[derive(Clone)]
struct Together {
    /// The first entry of each.
    index: Box<Index>,
    /// For those that have several, the place of the first one, ascending, and all of them as one.
    several: Vec<(usize, Several)>,
}

/// Several entries as one.
#[derive(Clone)]
struct Several {
    is_for_all_domains: bool,
    domains: Names,
}

/// The terms on which entries of the list trust a connection.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Whether an entry is without domains.
    pub is_for_all_domains: bool,
    /// The domains of the entries that have some.
    pub domains: Option<&'a Names>,
}

impl From<Vec<TrustedConnection>> for TrustedConnections {
    fn from(entries: Vec<TrustedConnection>) -> Self {
        let has_all = entries.iter().any(TrustedConnection::is_all);
        Self { entries, has_all, listed: None }
    }
}

impl PartialEq for TrustedConnections {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Eq for TrustedConnections {}

impl Listed {
    fn from_entries(entries: &[TrustedConnection]) -> Option<Self> {
        let by_name = Together::from_entries(entries, TrustedConnection::name)?;
        let by_strategy = Together::from_entries(entries, TrustedConnection::strategy)?;
        Some(Self { by_name, by_strategy })
    }
}

impl Together {
    fn from_entries(
        entries: &[TrustedConnection],
        key: impl Fn(&TrustedConnection) -> Option<&str>,
    ) -> Option<Self> {
        let key_at = |place: usize| entries.get(place).and_then(&key);
        let index = Index::new(entries.len(), key_at)?;
        let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for place in 0..entries.len() {
            let first = key_at(place).and_then(|it| index.find(it, |place| key_at(place) == Some(it)));
            if let Some(first) = first.filter(|first| *first < place) {
                places.entry(first).or_insert_with(|| vec![first]).push(place);
            }
        }
        let merge = |places: Vec<usize>| {
            let terms =
                || places.iter().filter_map(|place| entries.get(*place)).map(TrustedConnection::terms);
            let domains: Vec<String> = terms().filter_map(|it| it.domains).flatten().cloned().collect();
            let mut domains = Names::from(domains);
            domains.index();
            Several { is_for_all_domains: terms().any(|it| it.is_for_all_domains), domains }
        };
        let several = places.into_iter().map(|(first, places)| (first, merge(places))).collect();
        Some(Self { index, several })
    }

    /// Returns the terms of this name or strategy, which `key` reads from the entries.
    fn find<'a>(
        &'a self,
        wanted: &str,
        entries: &'a [TrustedConnection],
        key: impl Fn(&TrustedConnection) -> Option<&str>,
    ) -> Option<Terms<'a>> {
        let is_at = |place| entries.get(place).and_then(&key) == Some(wanted);
        let first = self.index.find(wanted, is_at)?;
        match self.several.binary_search_by_key(&first, |(first, _)| *first) {
            Ok(at) => self.several.get(at).map(|(_, several)| several.terms()),
            Err(_) => entries.get(first).map(TrustedConnection::terms),
        }
    }
}

impl TrustedConnections {
    /// Builds the index, and those of the entries' domains.
    pub(crate) fn index(&mut self) {
        for entry in &mut self.entries {
            if let TrustedConnection::Detailed(detail) = entry {
                detail.domains.index();
            }
        }
        self.listed = Listed::from_entries(&self.entries).map(Box::new);
    }

    /// Calls `each` with the terms of the entries for this connection or its strategy, in any order.
    /// An entry `*` for all connections is not among them.
    pub fn visit_terms(&self, connection: &str, strategy: &str, mut each: impl FnMut(Terms)) {
        let Some(listed) = &self.listed else {
            let of_it = self.entries.iter().filter(|entry| entry.is_for(connection, strategy));
            return of_it.for_each(|entry| each(entry.terms()));
        };
        let of_name = listed.by_name.find(connection, &self.entries, TrustedConnection::name);
        let of_strategy = listed.by_strategy.find(strategy, &self.entries, TrustedConnection::strategy);
        of_name.into_iter().chain(of_strategy).for_each(each);
    }

    /// Returns whether the list has `*`, for all connections.
    #[must_use]
    pub fn has_all(&self) -> bool {
        self.has_all
    }

    /// The entries, in the order of the document.
    pub fn iter(&self) -> std::slice::Iter<'_, TrustedConnection> {
        self.entries.iter()
    }
}

impl Several {
    fn terms(&self) -> Terms<'_> {
        let domains = Some(&self.domains).filter(|domains| !domains.is_empty());
        Terms { is_for_all_domains: self.is_for_all_domains, domains }
    }
}

impl TrustedConnection {
    /// Returns whether this is `*`, for all connections.
    fn is_all(&self) -> bool {
        matches!(self, Self::Name(name) if name == "*")
    }

    /// Returns whether this is for the connection itself or for its strategy.
    fn is_for(&self, connection: &str, strategy: &str) -> bool {
        match self {
            Self::Name(name) => name == connection && !self.is_all(),
            Self::Detailed(it) => {
                it.name.as_deref() == Some(connection) || it.strategy.as_deref() == Some(strategy)
            }
        }
    }

    /// The name of the connection.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Name(_) if self.is_all() => None,
            Self::Name(name) => Some(name),
            Self::Detailed(detail) => detail.name.as_deref(),
        }
    }

    /// The strategy of the connections.
    fn strategy(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Detailed(detail) => detail.strategy.as_deref(),
        }
    }

    fn terms(&self) -> Terms<'_> {
        let domains = match self {
            Self::Name(_) => None,
            Self::Detailed(detail) => Some(&detail.domains).filter(|domains| !domains.is_empty()),
        };
        Terms { is_for_all_domains: domains.is_none(), domains }
    }
}

impl fmt::Debug for TrustedConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}
