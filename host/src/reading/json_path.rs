//! The path that leads to a value of a JSON text.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathStep {
    /// A key of an object.
    Key(String),
    /// An element of a list, counted from 0.
    Index(usize),
}

impl PathStep {
    fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

/// The keys and indices that lead to a value, such as `users[0].email`. Empty for
/// the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JsonPath(pub(crate) Vec<PathStep>);

impl JsonPath {
    /// Returns whether it leads to the whole document.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first step, if it is a key.
    pub(crate) fn first_key(&self) -> Option<&str> {
        self.0.first().and_then(PathStep::key)
    }

    /// The last step, if it is a key.
    pub(crate) fn last_key(&self) -> Option<&str> {
        self.0.last().and_then(PathStep::key)
    }

    /// The path without its last step.
    pub(crate) fn parent(&self) -> Self {
        Self(self.0.iter().take(self.0.len().saturating_sub(1)).cloned().collect())
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Key(key) if depth == 0 => f.write_str(key)?,
                PathStep::Key(key) => write!(f, ".{key}")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
