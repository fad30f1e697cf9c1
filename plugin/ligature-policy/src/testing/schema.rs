//! The JSON Schema in a file beside the settings type.

use std::path::Path;

use schemars::JsonSchema;
use serde_json::Value;

/// Holds a file against the schema of the type; with `UPDATE_SCHEMA=1` in the
/// environment, writes it. The path is from the package's folder, where
/// `cargo test` runs tests.
///
/// # Panics
///
/// When the file holds another schema, with what to do about it, or cannot be
/// written.
pub fn assert_schema<T: JsonSchema>(file: &str) {
    assert_schema_at::<T>(Path::new(file), std::env::var_os("UPDATE_SCHEMA").is_some());
}

fn assert_schema_at<T: JsonSchema>(file: &Path, writes: bool) {
    let schema = schemars::schema_for!(T).to_value();
    if writes {
        let text = format!("{schema:#}\n");
        std::fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let held = std::fs::read_to_string(file).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    assert!(
        held.as_ref() == Some(&schema),
        "{} is not the schema of the settings; to write it: UPDATE_SCHEMA=1 cargo test",
        file.display()
    );
}

#[cfg(test)]
mod tests {
    use super::assert_schema_at;

    #[test]
    fn a_file_is_written_and_held() {
        let name = format!("ligature-policy-{}.schema.json", std::process::id());
        let file = std::env::temp_dir().join(name);
        let held = |writes| std::panic::catch_unwind(|| assert_schema_at::<Vec<u8>>(&file, writes)).is_ok();
        assert!(!held(false), "there is no file");
        assert!(held(true) && held(false));
        std::fs::write(&file, r#"{"type": "object"}"#).unwrap();
        assert!(!held(false), "the file holds another schema");
        std::fs::remove_file(&file).unwrap();
    }
}
