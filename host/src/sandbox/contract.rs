//! The version of the contract with plugins.

/// The contract's version that this host offers.
pub const CONTRACT: &str = "ligature:login@0.1.0";

/// Returns `ligature:login@0.1.0` for an interface of the contract, such as
/// `ligature:login/users@0.1.0`.
pub(super) fn parse_contract(interface: &str) -> Option<String> {
    let (_, version) = interface.strip_prefix("ligature:login/")?.split_once('@')?;
    Some(format!("ligature:login@{version}"))
}

/// Returns whether two versioned names have the same major and minor version.
pub(super) fn is_compatible(a: &str, b: &str) -> bool {
    fn split_minor(name: &str) -> Option<(&str, &str)> {
        let (_, version) = name.rsplit_once('@')?;
        let mut numbers = version.split('.');
        Some((numbers.next()?, numbers.next()?))
    }
    split_minor(a) == split_minor(b)
}
