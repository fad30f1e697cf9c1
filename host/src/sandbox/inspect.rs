//! The imports and exports of a component, held against the host's.

use serde::Serialize;

use super::anatomy::{Anatomy, Named, Needs};
use super::engine::Sandbox;
use super::failure::LoadError;
use super::plugin::Plugin;
use super::{Wasi, offer};

/// A component, seen from outside.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Its name in messages.
    pub name: String,
    /// Its size in bytes.
    pub size_bytes: usize,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// The contract's version that it is made for; none if it does not speak it.
    pub contract: Option<String>,
    /// Its imports and exports.
    pub items: Vec<Item>,
    /// The resources that one instance takes at the least.
    pub needs: Needs,
    /// Why it would not load; none if it does.
    pub refused: Option<String>,
}

/// One import or export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Which way it goes.
    pub direction: Direction,
    /// The interface, with its version.
    pub name: String,
    /// Whether the host offers it (an import) or uses it (an export).
    pub met: bool,
    /// The functions of the interface that this host does not offer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_offered: Vec<String>,
}

/// Which way an interface goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The component wants it.
    Import,
    /// The component gives it.
    Export,
}

impl Sandbox {
    /// Looks at a component, whether it would load or not.
    ///
    /// # Errors
    ///
    /// When the bytes are no component at all, or reading them takes more than
    /// the limits allow.
    pub fn inspect(&self, name: &str, bytes: &[u8]) -> Result<Inspection, LoadError> {
        let prepared = self.prepare(bytes);
        let Some(anatomy) = &prepared.anatomy else {
            return Err(prepared.component.err().unwrap_or(LoadError::Empty));
        };
        let loaded = prepared.component.and_then(|component| self.link(name, bytes, component));
        let items = items(anatomy, self.options.wasi);
        Ok(Inspection {
            name: name.to_owned(),
            size_bytes: bytes.len(),
            sha256: super::plugin::sha256(bytes),
            contract: items.iter().find_map(|item| offer::contract_of(&item.name)),
            items,
            needs: anatomy.needs,
            refused: loaded.err().map(|error| error.to_string()),
        })
    }
}

impl Plugin {
    /// The plugin's size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.size
    }

    /// The WASI profile that it runs with.
    #[must_use]
    pub fn wasi(&self) -> Wasi {
        self.wasi
    }
}

/// In the order of their names: linkers write them in any.
fn by_name(items: &[Named]) -> impl Iterator<Item = &Named> {
    let mut sorted: Vec<&Named> = items.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    sorted.into_iter()
}

fn items(anatomy: &Anatomy, profile: Wasi) -> Vec<Item> {
    let import = |it: &Named| {
        let not_offered: Vec<String> = offer::functions_not_offered(it).map(str::to_owned).collect();
        let met = offer::is_offered(&it.name, profile) && not_offered.is_empty();
        Item { direction: Direction::Import, name: it.name.clone(), met, not_offered }
    };
    let export = |it: &Named| Item {
        direction: Direction::Export,
        name: it.name.clone(),
        met: offer::is_used(&it.name),
        not_offered: Vec::new(),
    };
    by_name(&anatomy.imports).map(import).chain(by_name(&anatomy.exports).map(export)).collect()
}
