//! JSON objects whose values are kept as they were written.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The members of an object. If members have the same key, the last counts.
pub type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Reads an object.
///
/// # Errors
///
/// If the text is not an object.
pub fn parse_members(text: &str) -> serde_json::Result<Members<'_>> {
    serde_json::from_str(text)
}

/// An object with the keys of `over` written over those of `under`.
///
/// # Errors
///
/// If one of the two is not an object.
pub fn overlay_members(under: &str, over: &str) -> serde_json::Result<String> {
    let mut members = parse_members(under)?;
    for (key, value) in parse_members(over)? {
        members.insert(key, value);
    }
    let mut out = String::new();
    write(&mut out, members, &mut |out, value| {
        out.push_str(value);
        Ok(())
    })?;
    Ok(out)
}

/// Writes an object, each value by `each`.
///
/// # Errors
///
/// When `each` fails.
pub fn write(
    out: &mut String,
    members: Members,
    each: &mut dyn FnMut(&mut String, &str) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    out.push('{');
    for (key, value) in members {
        // No value ends with an opening brace.
        if !out.ends_with('{') {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(&key)?);
        out.push(':');
        each(out, value.get())?;
    }
    out.push('}');
    Ok(())
}
