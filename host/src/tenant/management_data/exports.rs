//! The exported files, which can be downloaded for ten minutes.

use std::sync::Arc;

use bytes::Bytes;

use crate::ambient::Ambient;
use crate::tenant::store::one_time::OneTime;
use crate::tenant::store::weight::Weighed;

/// The time for which a file can be downloaded, in seconds.
const LIFETIME_S: u64 = 600;

/// The exported files, under random names that cannot be guessed.
pub(crate) struct Exports(OneTime<Arc<Export>>);

/// An exported file.
pub(crate) struct Export {
    pub(crate) bytes: Bytes,
    /// The name that the file is saved under.
    pub(crate) name: String,
}

impl Weighed for Export {
    fn bytes(&self) -> usize {
        self.bytes.len() + self.name.len()
    }
}

impl Exports {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        Self(OneTime::new(LIFETIME_S, ambient))
    }

    /// Keeps a file. Returns the secret of its URL.
    pub(crate) fn put(&self, export: Export) -> String {
        self.0.put(Arc::new(export))
    }

    /// Returns the file with this secret and this name.
    pub(crate) fn get(&self, secret: &str, name: &str) -> Option<Arc<Export>> {
        self.0.get(secret).filter(|export| export.name == name)
    }
}
