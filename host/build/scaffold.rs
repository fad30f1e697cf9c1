//! Generates the list of the files of `ligature new`, which the room `scaffold` includes.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::c_bindings;

/// The folders of the workspace that are copied into a project: the template (`shared`
/// for all), the folder in the workspace, and the folder in the project.
const VENDORED: &[(&str, &str, &str)] =
    &[("shared", "wit", "wit"), ("rust", "plugin/ligature-policy", "ligature-policy")];

/// Writes `OUT_DIR/templates.rs`: a slice of (template, path in the project, bytes). Each
/// folder in `templates` is a template.
///
/// # Panics
///
/// When a file cannot be read. A build script reports failure by panicking.
pub(crate) fn embed(templates: &Path, workspace: &Path) {
    println!("cargo::rerun-if-changed={}", templates.display());
    let mut list = String::from("&[\n");
    for template in list_entries(templates).into_iter().filter(|path| path.is_dir()) {
        add_files(&mut list, &file_name(&template), &template, "");
    }
    for (template, folder, place) in VENDORED {
        let folder = workspace.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        add_files(&mut list, template, &folder, &format!("{place}/"));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let bindings = out.join("c_bindings");
    c_bindings::generate(&workspace.join("wit"), "configurable-plugin", &bindings);
    add_files(&mut list, "c", &bindings, "bindings/");
    list.push_str("]\n");
    let out = out.join("templates.rs");
    fs::write(&out, list).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

/// Adds every file in a folder and its subfolders.
fn add_files(list: &mut String, template: &str, folder: &Path, place: &str) {
    for path in list_entries(folder) {
        let name = format!("{place}{}", file_name(&path));
        if path.is_dir() {
            add_files(list, template, &path, &format!("{name}/"));
        } else {
            let path = path.to_str().expect("a path in UTF-8");
            writeln!(list, "    ({template:?}, {name:?}, include_bytes!({path:?})),")
                .expect("a text takes it");
        }
    }
}

/// Lists the entries of a folder, sorted by name.
fn list_entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = read.map(|entry| entry.expect("an entry of a folder").path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8").to_owned()
}
