//! The policies in force, and their replacement while logins run.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::policies::{Policy, Source, SourceError};
use crate::sandbox::Cancel;

/// Keeps the policies in force.
pub(crate) struct Decider {
    sources: Vec<Source>,
    in_force: ArcSwap<Vec<Policy>>,
    /// Held by the reload that runs.
    replacing: Mutex<()>,
    /// Ends the latest reload.
    latest: Mutex<Cancel>,
}

impl Decider {
    pub(crate) fn new(sources: Vec<Source>) -> Result<Self, SourceError> {
        let latest = Cancel::default();
        let in_force = sources.iter().map(|source| source.load(None, &latest)).collect::<Result<_, _>>()?;
        Ok(Self {
            sources,
            in_force: ArcSwap::from_pointee(in_force),
            replacing: Mutex::new(()),
            latest: Mutex::new(latest),
        })
    }

    /// The policies that decide now. A login keeps those that it began with.
    pub(crate) fn in_force(&self) -> Arc<Vec<Policy>> {
        self.in_force.load_full()
    }

    /// Reads the policies again. True if they are others now; where something is
    /// wrong with one, all that are in force stay. A reload that still compiles
    /// ends: what it read is out of date.
    pub(crate) fn reload(&self) -> Result<bool, SourceError> {
        let cancel = Cancel::default();
        {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *latest, cancel.clone()).cancel();
        }
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_force();
        let load = |(source, before): (&Source, &Policy)| source.load(Some(before), &cancel);
        let new: Vec<Policy> = self.sources.iter().zip(&*before).map(load).collect::<Result<_, _>>()?;
        let is_new = new.iter().zip(&*before).any(|(new, before)| {
            new.plugin.sha256() != before.plugin.sha256() || new.settings != before.settings
        });
        if is_new {
            self.in_force.store(Arc::new(new));
        }
        Ok(is_new)
    }
}
