//! Notes on the components that the cache of compiled code holds.
//!
//! The compiler takes some 50 MB of memory that a process keeps for as long as it runs. A server
//! therefore compiles the built-in component in a child process, once: the cache holds it
//! afterwards, and the note tells the next start, which then needs no child.

use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use wasmtime::Engine;

use super::engine::is_private;
use super::options::Options;

/// The note on one component, compiled for one engine.
pub(super) struct CompileNote(Option<PathBuf>);

impl CompileNote {
    /// Finds the note's file; none without a cache.
    pub(super) fn find(engine: &Engine, options: &Options, bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        bytes.hash(&mut hasher);
        let folder = options.cache.as_ref().filter(|folder| is_private(folder));
        Self(folder.map(|folder| folder.join(format!("compiled-{:016x}", hasher.finish()))))
    }

    /// Returns whether the component was compiled before. The cache may have dropped it since; it is
    /// then compiled again.
    pub(super) fn exists(&self) -> bool {
        self.0.as_ref().is_some_and(|file| file.exists())
    }

    /// Writes the note. A failure is ignored: the next start uses a child process again.
    pub(super) fn write(&self) {
        if let Some(file) = &self.0 {
            let _ = OpenOptions::new().create(true).append(true).open(file);
        }
    }
}
