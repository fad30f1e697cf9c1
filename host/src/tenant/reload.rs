//! Watches the files of plugin and policy.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::Shared;
use crate::policies::SourceError;
use crate::sandbox::LoadError;

/// Editors and compilers write a file in several steps.
const SETTLED: Duration = Duration::from_millis(200);

/// Reloads when one of the files changes, as long as the watcher lives.
pub(super) fn watch(tenant: &Shared) -> notify::Result<Option<RecommendedWatcher>> {
    let files: Vec<PathBuf> = tenant.decider.files().map(Path::to_owned).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let (changed, changes) = channel();
    let mut watcher = notify::recommended_watcher(move |event| {
        let _ = changed.send(event);
    })?;
    // Their folders: a file that is replaced by another of its name is no
    // longer the one that was watched.
    let folder = |file: &PathBuf| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    for folder in files.iter().map(folder).collect::<HashSet<_>>() {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    let names: HashSet<OsString> = files.iter().filter_map(|file| file.file_name()).map(Into::into).collect();
    // The last to hold the tenant, this thread would let go of the directory
    // when the program has ended, and what it has yet to write would be lost.
    let tenant = Arc::downgrade(tenant);
    std::thread::Builder::new().name("reload".to_owned()).spawn(move || {
        let concerns = |event: notify::Result<notify::Event>| {
            let is_read = |event: &notify::Event| event.kind.is_access();
            event.is_ok_and(|event| {
                !is_read(&event)
                    && event.paths.iter().filter_map(|path| path.file_name()).any(|name| names.contains(name))
            })
        };
        while let Ok(event) = changes.recv() {
            if !concerns(event) {
                continue;
            }
            while !matches!(changes.recv_timeout(SETTLED), Err(RecvTimeoutError::Timeout)) {}
            let Some(tenant) = tenant.upgrade() else { return };
            // On a thread of its own: a later change ends one that still
            // compiles.
            let reloading = std::thread::Builder::new().name("compile".to_owned());
            if let Err(error) = reloading.spawn(move || reload(&tenant)) {
                tracing::error!(%error, "not reloaded: there is no thread for it");
            }
        }
    })?;
    Ok(Some(watcher))
}

/// Reloads, and tells what came of it.
pub(super) fn reload(tenant: &Shared) {
    match tenant.decider.reload() {
        Ok(true) => {
            for policy in tenant.decider.in_force().iter() {
                tracing::info!(
                    policy = &*policy.name,
                    plugin = policy.plugin.name(),
                    sha256 = policy.plugin.sha256(),
                    policy_sha256 = %policy.settings.sha256(),
                    "plugin and policy reloaded"
                );
            }
        }
        Ok(false) => {}
        Err(SourceError::Unloadable { name, why: LoadError::Superseded }) => {
            tracing::info!(plugin = name, "a later file takes the place of the one that was compiled");
        }
        Err(error) => tracing::error!(%error, "not reloaded: what was in force stays"),
    }
}
