//! The policies, and their replacement at run time.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::policies::{LoadedPolicy, Source, SourceError};
use crate::sandbox::Cancel;

/// The policies that decide logins.
pub struct Decider {
    sources: Vec<Source>,
    policies: ArcSwap<Vec<LoadedPolicy>>,
    /// Locked during a reload.
    replacing: Mutex<()>,
    /// Cancels the latest reload.
    latest: Mutex<Cancel>,
}

impl Decider {
    pub(crate) fn new(sources: Vec<Source>) -> Result<Self, SourceError> {
        let latest = Cancel::default();
        let policies = sources.iter().map(|source| source.load(None, &latest)).collect::<Result<_, _>>()?;
        Ok(Self {
            sources,
            policies: ArcSwap::from_pointee(policies),
            replacing: Mutex::new(()),
            latest: Mutex::new(latest),
        })
    }

    /// Returns the current policies. A login uses the policies that it began with to the end.
    pub(crate) fn policies(&self) -> Arc<Vec<LoadedPolicy>> {
        self.policies.load_full()
    }

    /// Reloads the policies. Returns whether they have changed. If one of them is invalid, all
    /// current ones are kept. An earlier reload that is still compiling is cancelled, because its
    /// files are out of date.
    pub(crate) fn reload(&self) -> Result<bool, SourceError> {
        let cancel = Cancel::default();
        {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *latest, cancel.clone()).cancel();
        }
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.policies();
        let load = |(source, before): (&Source, &LoadedPolicy)| source.load(Some(before), &cancel);
        let new: Vec<LoadedPolicy> = self.sources.iter().zip(&*before).map(load).collect::<Result<_, _>>()?;
        let is_new = new.iter().zip(&*before).any(|(new, before)| {
            new.plugin.sha256() != before.plugin.sha256() || new.settings != before.settings
        });
        if is_new {
            self.policies.store(Arc::new(new));
        }
        Ok(is_new)
    }
}
