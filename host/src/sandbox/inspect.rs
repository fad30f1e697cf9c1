//! The report on a component: its imports and exports, and whether it loads.

use serde::Serialize;

use super::compile::ComponentBytes;
use super::compile_child::Cancel;
use super::contract::parse_contract;
use super::engine::Sandbox;
use super::failure::LoadError;
use super::needs::Needs;
use super::offer;
use super::plugin::Plugin;
use super::profile::Wasi;
use super::settings::sha256_hex;
use super::structure::{Port, Structure};

/// A report on a component.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The component's name in messages.
    pub name: String,
    /// The size, in bytes.
    pub size_bytes: usize,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The contract's version that it is made for; none if it imports and exports no
    /// interface of the contract.
    pub contract: Option<String>,
    /// The imports and exports, each group sorted by name.
    pub items: Vec<Item>,
    /// The resources that one instance takes at least.
    pub needs: Needs,
    /// The reason why it does not load; none if it does.
    pub refused: Option<String>,
}

/// One import or export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Whether it is an import or an export.
    pub direction: Direction,
    /// The interface, with its version.
    pub name: String,
    /// Whether the host offers the import or uses the export.
    pub met: bool,
    /// The functions of the interface that this host does not offer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_offered: Vec<String>,
}

/// Whether an interface is imported or exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The component imports it.
    Import,
    /// The component exports it.
    Export,
}

impl Sandbox {
    /// Reports on a component, whether it loads or not.
    ///
    /// # Errors
    ///
    /// When the bytes are not a component, or reading them takes more than the limits
    /// allow.
    pub fn inspect(&self, name: &str, bytes: &[u8]) -> Result<Inspection, LoadError> {
        let sha256 = sha256_hex(bytes);
        let component = ComponentBytes { bytes, sha256: &sha256 };
        let prepared = self.prepare(component, &self.kept_code, &Cancel::default());
        let Some(structure) = &prepared.structure else {
            return Err(prepared.component.err().unwrap_or(LoadError::Empty));
        };
        let loaded = prepared.component.and_then(|code| self.link(name, component, &code));
        let items = list_items(structure, self.options.wasi);
        Ok(Inspection {
            name: name.to_owned(),
            size_bytes: bytes.len(),
            sha256,
            contract: items.iter().find_map(|item| parse_contract(&item.name)),
            items,
            needs: structure.needs,
            refused: loaded.err().map(|error| error.to_string()),
        })
    }
}

impl Plugin {
    /// The plugin's size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The WASI profile that it runs with.
    #[must_use]
    pub fn wasi(&self) -> Wasi {
        self.wasi
    }
}

/// Sorts by name: linkers write imports and exports in any order.
fn sort_by_name(ports: &[Port]) -> impl Iterator<Item = &Port> {
    let mut sorted: Vec<&Port> = ports.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    sorted.into_iter()
}

fn list_items(structure: &Structure, profile: Wasi) -> Vec<Item> {
    let import = |it: &Port| {
        let not_offered: Vec<String> = offer::functions_not_offered(it).map(str::to_owned).collect();
        let met = offer::is_offered(&it.name, profile) && not_offered.is_empty();
        Item { direction: Direction::Import, name: it.name.clone(), met, not_offered }
    };
    let export = |it: &Port| Item {
        direction: Direction::Export,
        name: it.name.clone(),
        met: offer::is_used(&it.name),
        not_offered: Vec::new(),
    };
    sort_by_name(&structure.imports).map(import).chain(sort_by_name(&structure.exports).map(export)).collect()
}
