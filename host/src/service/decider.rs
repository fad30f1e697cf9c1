//! The policies, and their replacement at run time.

use std::sync::atomic::{AtomicU64, Ordering};
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
    /// The reloads that wait or run.
    reloads: AtomicU64,
    /// The logins that the current policies have decided.
    logins: AtomicU64,
}

/// The logins after which plugins read their policy documents once instead of at every login. It
/// compiles a plugin twice more, which does not pay off for a few logins.
const LOGINS_BEFORE_SNAPSHOTS: u64 = 1_000;

impl Decider {
    pub(crate) fn new(sources: Vec<Source>) -> Result<Self, SourceError> {
        let latest = Cancel::default();
        let policies = sources.iter().map(|source| source.load(None, &latest)).collect::<Result<_, _>>()?;
        Ok(Self {
            sources,
            policies: ArcSwap::from_pointee(policies),
            replacing: Mutex::new(()),
            latest: Mutex::new(latest),
            reloads: AtomicU64::new(0),
            logins: AtomicU64::new(0),
        })
    }

    /// Returns the current policies. A login uses the policies that it began with to the end.
    pub(crate) fn policies(&self) -> Arc<Vec<LoadedPolicy>> {
        self.policies.load_full()
    }

    /// Returns the current policies for one login.
    pub(crate) fn policies_for_login(self: &Arc<Self>) -> Arc<Vec<LoadedPolicy>> {
        if self.logins.fetch_add(1, Ordering::Relaxed) == LOGINS_BEFORE_SNAPSHOTS {
            let decider = Arc::downgrade(self);
            let preparing = move || {
                if let Some(decider) = decider.upgrade() {
                    decider.prepare_policies();
                }
            };
            if let Err(error) = std::thread::Builder::new().name("prepare".to_owned()).spawn(preparing) {
                tracing::warn!(%error, "policy documents are read at each login: there is no thread to prepare them");
            }
        }
        self.policies()
    }

    /// Lets each plugin that offers it read its policy document once. A reload ends this.
    fn prepare_policies(&self) {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let cancel = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A reload that begins after this line cancels the preparation.
        if self.reloads.load(Ordering::SeqCst) > 0 {
            self.logins.store(0, Ordering::Relaxed);
            return;
        }
        let prepare = |(source, loaded): (&Source, &LoadedPolicy)| {
            let policy = &*loaded.name;
            if cancel.is_cancelled() {
                return loaded.clone();
            }
            match source.prepare(loaded, &cancel) {
                Ok(Some(prepared)) => {
                    tracing::info!(policy, "the plugin has read its policy document once for all logins");
                    return prepared;
                }
                Ok(None) => {}
                Err(_) if cancel.is_cancelled() => {}
                Err(why) => tracing::warn!(policy, %why, "the policy document is read at each login"),
            }
            loaded.clone()
        };
        let policies = self.policies();
        self.policies.store(Arc::new(self.sources.iter().zip(&*policies).map(prepare).collect()));
        if cancel.is_cancelled() {
            self.logins.store(0, Ordering::Relaxed);
        }
    }

    /// Reloads the policies. Returns whether they have changed. If one of them is invalid, all
    /// current ones are kept. An earlier reload that is still compiling is cancelled, because its
    /// files are out of date.
    pub(crate) fn reload(&self) -> Result<bool, SourceError> {
        self.reloads.fetch_add(1, Ordering::SeqCst);
        let reloaded = self.reload_alone();
        self.reloads.fetch_sub(1, Ordering::SeqCst);
        reloaded
    }

    fn reload_alone(&self) -> Result<bool, SourceError> {
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
            self.logins.store(0, Ordering::Relaxed);
        }
        Ok(is_new)
    }
}

#[cfg(test)]
#[cfg(feature = "built-in")]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Decider, LOGINS_BEFORE_SNAPSHOTS};
    use crate::ambient::Ambient;
    use crate::policies::{PolicyEntry, Source};
    use crate::sandbox::{Options, Wasi};

    fn start(policy: &Path) -> Arc<Decider> {
        let entry = PolicyEntry::from_flags(None, Wasi::default(), Some(policy.to_owned()));
        let options = Options { optimise: false, ..Options::default() };
        let sources = Source::open_all(vec![entry], &options, &Ambient::system()).unwrap();
        Arc::new(Decider::new(sources).unwrap())
    }

    fn has_read(decider: &Decider) -> bool {
        let policies = decider.policies();
        policies.iter().all(|policy| policy.plugin.has_read(&policy.settings))
    }

    /// Decides so many logins, and waits until the snapshot is there.
    fn decide_until_prepared(decider: &Arc<Decider>) {
        for _ in 0..LOGINS_BEFORE_SNAPSHOTS {
            decider.policies_for_login();
        }
        assert!(!has_read(decider), "a few logins do not pay for it");
        decider.policies_for_login();
        while !has_read(decider) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_document_is_read_once_after_many_logins_and_again_after_a_reload() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy.json");
        fs::write(&policy, "{}").unwrap();
        let decider = start(&policy);
        decide_until_prepared(&decider);
        assert!(!decider.reload().unwrap() && has_read(&decider), "nothing has changed");
        fs::write(&policy, r#"{"mode": "auto"}"#).unwrap();
        assert!(decider.reload().unwrap());
        decide_until_prepared(&decider);
        assert_eq!(decider.policies()[0].mode().as_deref(), Some("auto"));
    }
}
