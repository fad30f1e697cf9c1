//! The check of a component's imports and needs against the interfaces and limits
//! that the host offers.

use super::contract::{CONTRACT, is_compatible, parse_contract};
use super::failure::LoadError;
use super::needs::Needs;
use super::profile::Wasi;
use super::structure::{Port, Structure};
use super::wasi;
use crate::limits::Limits;

/// The functions of the contract that the host offers.
const OFFERED: [(&str, &[&str]); 5] = [
    ("ligature:login/types", &[]),
    ("ligature:login/users", &["find-by-email", "ignores-case", "get"]),
    ("ligature:login/accounts", &["link"]),
    ("ligature:login/raw", &["event", "user"]),
    ("ligature:login/log", &["write"]),
];

/// The interfaces of a plugin that the host calls.
const USED: [&str; 4] = [
    "ligature:login/handler@",
    "ligature:login/settings@",
    "ligature:login/settings-warnings@",
    "ligature:login/prepared-settings@",
];

/// Refuses a component that imports something that is not offered, takes more than
/// the limits allow, or does not answer logins.
pub(super) fn check_structure(
    structure: &Structure,
    profile: Wasi,
    limits: &Limits,
) -> Result<(), LoadError> {
    let interfaces = structure.needs.interfaces;
    if interfaces > limits.interfaces as u64 {
        return Err(LoadError::BeyondLimit {
            what: "imports and exports".to_owned(),
            wanted: interfaces,
            limit: limits.interfaces as u64,
            key: "interfaces".to_owned(),
        });
    }
    for name in structure.imports.iter().chain(&structure.exports).map(|it| it.name.as_str()) {
        if let Some(contract) = parse_contract(name)
            && !is_compatible(&contract, CONTRACT)
        {
            return Err(LoadError::OtherVersion { found: contract });
        }
    }
    for import in &structure.imports {
        if import.is_types_only() {
            continue;
        }
        if !is_offered(&import.name, profile) {
            return Err(LoadError::NotOffered {
                name: import.name.clone(),
                offered: describe_offer(&import.name, profile),
            });
        }
        if let Some(function) = functions_not_offered(import).next() {
            let (_, functions) =
                OFFERED.iter().find(|it| is_version_of(&import.name, it.0)).unwrap_or(&OFFERED[0]);
            return Err(LoadError::NotOffered {
                name: format!("{}#{function}", import.name),
                offered: format!("this host offers {} of that interface", functions.join(", ")),
            });
        }
    }
    if !structure.exports.iter().any(|it| it.name.starts_with("ligature:login/handler@")) {
        return Err(LoadError::NoHandler);
    }
    check_needs(&structure.needs, limits)
}

fn check_needs(needs: &Needs, limits: &Limits) -> Result<(), LoadError> {
    let within = |what: &str, wanted: u64, limit: usize, key: &str| {
        if wanted <= limit as u64 {
            return Ok(());
        }
        Err(LoadError::BeyondLimit {
            what: what.to_owned(),
            wanted,
            limit: limit as u64,
            key: key.to_owned(),
        })
    };
    within("instances", needs.instances, limits.instances, "instances")?;
    within("memories", needs.memories, limits.memories, "memories")?;
    within("bytes of memory", needs.memory_bytes, limits.memory_bytes, "memory_bytes")?;
    within("tables", needs.tables, limits.tables, "tables")?;
    within("table elements", needs.table_elements, limits.table_elements, "table_elements")?;
    within("functions", needs.functions, limits.functions, "functions")?;
    within("globals and imports", needs.globals, limits.globals, "globals")?;
    within("bytes of stack for one function", needs.stack_bytes, limits.stack_bytes, "stack_bytes")
}

/// Returns whether a versioned name is one of this interface.
fn is_version_of(name: &str, interface: &str) -> bool {
    name.split_once('@').is_some_and(|(it, _)| it == interface)
}

/// Returns whether the host offers this interface in a compatible version.
pub(super) fn is_offered(name: &str, profile: Wasi) -> bool {
    match name.split_once('@') {
        Some((interface, _)) if interface.starts_with("ligature:login/") => {
            is_compatible(name, CONTRACT) && OFFERED.iter().any(|(offered, _)| *offered == interface)
        }
        Some((interface, version)) => {
            version.strip_prefix(wasi::VERSION).is_some_and(|rest| rest.starts_with('.'))
                && wasi::list_interfaces(profile).any(|offered| offered.name == interface)
        }
        None => false,
    }
}

/// Returns the imported functions of an interface of the contract that this host
/// does not offer, because a later version of the contract has added them.
pub(super) fn functions_not_offered(import: &Port) -> impl Iterator<Item = &str> {
    let offered = OFFERED.iter().find(|(interface, _)| is_version_of(&import.name, interface));
    let functions = import.functions.iter().flatten().map(String::as_str);
    functions.filter(move |function| offered.is_some_and(|(_, offered)| !offered.contains(function)))
}

/// Returns whether the host calls this interface of a plugin.
pub(super) fn is_used(name: &str) -> bool {
    is_compatible(name, CONTRACT) && USED.iter().any(|used| name.starts_with(used))
}

/// Describes the imports that are offered, to a plugin that imports another one.
fn describe_offer(name: &str, profile: Wasi) -> String {
    let interface = name.split_once('@').map_or(name, |(interface, _)| interface);
    let in_virtual = wasi::list_interfaces(Wasi::Virtual).any(|offered| offered.name == interface);
    if profile == Wasi::Minimal && in_virtual {
        return "the profile `minimal` offers of WASI only cli, io and clocks/wall-clock \
                (the profile `virtual` offers it, without any effect: `--wasi virtual`, or \
                `wasi = \"virtual\"` in its [[policy]])"
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
