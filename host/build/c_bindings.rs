//! Generates the C bindings of a project in C, so that its author does not need
//! wit-bindgen in the right version.

use std::fs;
use std::path::Path;

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

/// Writes the bindings of a world into a folder: a header, a source file, and an object
/// file with the world's type.
///
/// # Panics
///
/// When the contract is invalid or a file cannot be written. A build script reports
/// failure by panicking.
pub(crate) fn generate(wit: &Path, world: &str, folder: &Path) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).expect("wit/ is a package");
    let world = resolve.select_world(&[package], Some(world)).expect("wit/ has the world");
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    generator.generate(&mut resolve, world, &mut files).expect("the world has C bindings");
    // Removes the files of an earlier version of the generator.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for (name, bytes) in files.iter() {
        let file = folder.join(name);
        fs::write(&file, bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}
