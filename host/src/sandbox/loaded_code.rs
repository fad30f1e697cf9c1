//! The code of plugins that are loaded, so that several policies share it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::plugin::Linked;

/// The linked code of a sandbox's plugins, by the SHA-256 of the component. Code is found as long as a
/// plugin uses it.
#[derive(Clone, Default)]
pub(super) struct LoadedCode(Arc<Mutex<HashMap<String, Weak<[Linked]>>>>);

impl LoadedCode {
    /// Returns the code of the component with this hash, if a plugin uses it.
    pub(super) fn find(&self, sha256: &str) -> Option<Arc<[Linked]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(sha256)?.upgrade()
    }

    /// Remembers the code of the component with this hash, and forgets code that no plugin uses.
    pub(super) fn insert(&self, sha256: &str, linked: &Arc<[Linked]>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, linked| linked.strong_count() > 0);
        all.insert(sha256.to_owned(), Arc::downgrade(linked));
    }
}

#[cfg(test)]
#[cfg(feature = "built-in")]
mod tests {
    use std::sync::Arc;

    use crate::ambient::Ambient;
    use crate::sandbox::{Options, Plugin, Sandbox};

    fn start() -> Sandbox {
        Sandbox::start(Options { optimise: false, ..Options::default() }, &Ambient::system()).unwrap()
    }

    fn share_code(one: &Plugin, other: &Plugin) -> bool {
        Arc::ptr_eq(&one.linked, &other.linked)
    }

    #[test]
    fn a_plugin_that_is_loaded_again_under_another_name_shares_the_code() {
        let sandbox = start();
        let first = sandbox.load("first", crate::PLUGIN).unwrap();
        let second = sandbox.load_trusted("second", crate::BUILT_IN).unwrap();
        assert!(share_code(&first, &second));
        assert_eq!((first.name(), second.name()), ("first", "second"));
        let other = wat::parse_str("(component)").unwrap();
        assert!(sandbox.load("other", &other).is_err());
        assert!(!share_code(&first, &start().load("first", crate::PLUGIN).unwrap()));
    }

    #[test]
    fn code_that_no_plugin_uses_is_forgotten() {
        let sandbox = start();
        let plugin = sandbox.load("built-in", crate::PLUGIN).unwrap();
        let remembered = || sandbox.loaded_code.0.lock().unwrap().len();
        assert!(sandbox.loaded_code.find(plugin.sha256()).is_some());
        let (sha256, linked) = (plugin.sha256().to_owned(), Arc::from([]));
        drop(plugin);
        assert!(sandbox.loaded_code.find(&sha256).is_none());
        assert_eq!(remembered(), 1);
        sandbox.loaded_code.insert("another", &linked);
        assert_eq!(remembered(), 1);
    }
}
