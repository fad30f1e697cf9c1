//! The compiled code of the built-in policy, so that a command that decides one login does not compile.

use std::path::{Path, PathBuf};
use std::{env, fs};

use wasmtime::Engine;

#[path = "../src/sandbox/code_config.rs"]
mod code_config;

/// Writes the code of a component beside it, for any processor of the target. The file is empty if this
/// compiler has no such target; the program compiles the component then.
pub(super) fn write_code(component: &Path) {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let name = component.with_extension("code");
    let file = out_dir.join(name.file_name().expect("a component has a name"));
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let code = compile(component, &target).unwrap_or_else(|error| {
        println!("cargo::warning=the built-in policy is not compiled for {target}: {error:#}");
        Vec::new()
    });
    fs::write(file, code).expect("OUT_DIR is written to");
}

fn compile(component: &Path, target: &str) -> wasmtime::Result<Vec<u8>> {
    let bytes = fs::read(component)?;
    let mut config = code_config::new_code_config();
    config.target(target)?;
    Engine::new(&config)?.precompile_component(&bytes)
}
