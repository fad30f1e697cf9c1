//! What a component wants and gives, held against what the host offers.

use serde::Serialize;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::engine::Sandbox;
use super::failure::LoadError;
use super::plugin::Plugin;
use super::{CONTRACT, Wasi, wasi};

/// What a component is.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// What it is called in messages.
    pub name: String,
    /// Its size in bytes.
    pub size_bytes: usize,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// The contract's version that it is made for; none if it does not speak it.
    pub contract: Option<String>,
    /// What it imports and exports.
    pub items: Vec<Item>,
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
    /// When the bytes are no component at all.
    pub fn inspect(&self, name: &str, bytes: &[u8]) -> Result<Inspection, LoadError> {
        let (component, refused) = match self.load(name, bytes) {
            Ok(plugin) => (plugin.component, None),
            Err(
                error @ (LoadError::OtherVersion { .. }
                | LoadError::NotOffered { .. }
                | LoadError::NoHandler
                | LoadError::Mismatch(_)),
            ) => {
                let component = Component::from_binary(&self.engine, bytes)
                    .map_err(|error| LoadError::Damaged(format!("{error:#}")))?;
                (component, Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        let items = items(&component, &self.engine, self.options.wasi);
        Ok(Inspection {
            name: name.to_owned(),
            size_bytes: bytes.len(),
            sha256: super::plugin::sha256(bytes),
            contract: items.iter().find_map(|item| contract_of(&item.name)),
            items,
            refused,
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

fn items(component: &Component, engine: &Engine, profile: Wasi) -> Vec<Item> {
    let kind = component.component_type();
    let imports = kind.imports(engine).map(|(name, _)| Item {
        direction: Direction::Import,
        name: name.to_owned(),
        met: is_offered(name, profile),
    });
    let exports = kind.exports(engine).map(|(name, _)| Item {
        direction: Direction::Export,
        name: name.to_owned(),
        met: is_used(name),
    });
    imports.chain(exports).collect()
}

/// Refuses a component that wants what is not offered, or does not answer
/// logins, before the linker says so in its own words.
pub(super) fn check_offered(component: &Component, engine: &Engine, profile: Wasi) -> Result<(), LoadError> {
    let kind = component.component_type();
    let names = kind.imports(engine).map(|(name, _)| name).chain(kind.exports(engine).map(|(name, _)| name));
    for name in names {
        if let Some(contract) = contract_of(name)
            && !is_compatible(&contract, CONTRACT)
        {
            return Err(LoadError::OtherVersion { found: contract });
        }
    }
    for (name, item) in kind.imports(engine) {
        // An interface with types only asks for nothing.
        let asks = !matches!(&item.ty, ComponentItem::ComponentInstance(instance)
            if instance.exports(engine).all(|(_, item)| matches!(item.ty, ComponentItem::Type(_))));
        if asks && !is_offered(name, profile) {
            return Err(LoadError::NotOffered {
                name: name.to_owned(),
                offered: offered_instead(name, profile),
            });
        }
    }
    if !kind.exports(engine).any(|(name, _)| name.starts_with("ligature:login/handler@")) {
        return Err(LoadError::NoHandler);
    }
    Ok(())
}

/// `ligature:login@0.1.0` of `ligature:login/users@0.1.0`.
fn contract_of(name: &str) -> Option<String> {
    let (_, version) = name.strip_prefix("ligature:login/")?.split_once('@')?;
    Some(format!("ligature:login@{version}"))
}

/// Whether two versioned names differ in nothing but the patch version.
fn is_compatible(a: &str, b: &str) -> bool {
    fn minor(name: &str) -> Option<(&str, &str)> {
        let (_, version) = name.rsplit_once('@')?;
        let mut numbers = version.split('.');
        Some((numbers.next()?, numbers.next()?))
    }
    minor(a) == minor(b)
}

fn is_offered(name: &str, profile: Wasi) -> bool {
    match name.split_once('@') {
        Some((interface, _)) if interface.starts_with("ligature:login/") => {
            is_compatible(name, CONTRACT)
                && matches!(
                    interface,
                    "ligature:login/types"
                        | "ligature:login/users"
                        | "ligature:login/accounts"
                        | "ligature:login/raw"
                        | "ligature:login/log"
                )
        }
        Some((interface, version)) => {
            version.strip_prefix(wasi::VERSION).is_some_and(|rest| rest.starts_with('.'))
                && profile.interfaces().any(|offered| offered.name == interface)
        }
        None => false,
    }
}

fn is_used(name: &str) -> bool {
    const USED: [&str; 3] =
        ["ligature:login/handler@", "ligature:login/settings@", "ligature:login/settings-warnings@"];
    is_compatible(name, CONTRACT) && USED.iter().any(|used| name.starts_with(used))
}

fn offered_instead(name: &str, profile: Wasi) -> String {
    let interface = name.split_once('@').map_or(name, |(interface, _)| interface);
    let in_virtual = Wasi::Virtual.interfaces().any(|offered| offered.name == interface);
    if profile == Wasi::Minimal && in_virtual {
        return "the profile `minimal` offers of WASI only cli, io and clocks/wall-clock \
                (with `--wasi virtual` it is there, with nothing behind it)"
            .to_owned();
    }
    match profile {
        Wasi::Minimal => {
            "the host offers ligature:login/{users, accounts, raw, log} and of WASI only cli, io and \
                          clocks/wall-clock"
                .to_owned()
        }
        Wasi::Virtual => {
            "the host offers ligature:login/{users, accounts, raw, log} and of WASI 0.2 only cli, io, \
                          clocks, random, filesystem and sockets"
                .to_owned()
        }
    }
}
