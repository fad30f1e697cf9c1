//! `ligature component`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use wit_component::{ComponentEncoder, metadata};

use super::{CommandResult, Exit, print_json, print_line};
use crate::reading::{describe_read_error, read_bounded_file};
use crate::terminal::Json;

/// The most bytes of a core module.
const MOST_BYTES: u64 = 64 << 20;

/// Make a component from a core module, such as a C compiler writes
///
/// Makes a component from a core module that contains the type of its world, which
/// wit-bindgen's C bindings add.
///
/// Compilers for C write core modules. Those for Rust, JavaScript and Python write
/// components. With `--built-in`, writes the built-in policy, which is a component
/// already: the embedded Action is built from it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature component policy.core.wasm --output policy.wasm")]
pub(super) struct Args {
    /// The core module
    #[arg(value_name = "FILE", required_unless_present = "built_in", conflicts_with = "built_in")]
    module: Option<PathBuf>,
    /// Write the built-in policy
    #[arg(long)]
    built_in: bool,
    /// The file to write the component to; an existing file is replaced
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Print JSON instead of a line
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self) -> CommandResult {
        let component = match &self.module {
            Some(module) => Cow::Owned(read_component(module)?),
            None => Cow::Borrowed(crate::PLUGIN),
        };
        let output = self.output.display();
        let written = std::fs::write(&self.output, &component);
        written.with_context(|| format!("{output}: it cannot be written")).map_err(Exit::failed)?;
        if self.json {
            let written = serde_json::json!({ "file": output.to_string(), "bytes": component.len() });
            return print_json(&Json::pretty(&written).map_err(Exit::failed)?);
        }
        print_line(format!("{output} is written: {} bytes", component.len()))
    }
}

/// Reads a core module, and makes a component from it.
fn read_component(file: &Path) -> Result<Vec<u8>, Exit> {
    let module = file.display();
    let bytes = read_bounded_file(file, MOST_BYTES)
        .map_err(|error| Exit::unreadable(anyhow!("{module}: {}", describe_read_error(&error))))?;
    let component = encode_component(&bytes);
    component
        .with_context(|| format!("{module}: it cannot be made into a component"))
        .map_err(Exit::unreadable)
}

/// The first eight bytes of a core module: `\\0asm`, the version, and the layer, which
/// is 0 for a core module and 1 for a component.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT_LAYER: &[u8] = b"\x01\0";

fn encode_component(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    if module.starts_with(b"\0asm") && module.get(6..8) == Some(COMPONENT_LAYER) {
        bail!("this is a component already");
    }
    if !module.starts_with(CORE_MODULE) {
        bail!("this is not a core module: it does not begin with `\\0asm` and the version 1");
    }
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(module)?;
    let (_, bindings) = metadata::decode(module)?;
    // A module without a world would become a component that nothing can use.
    if bindings.resolve.worlds[bindings.world].exports.is_empty() {
        bail!("it contains no world; link the object file of the bindings, *_component_type.o, into it");
    }
    encoder.encode()
}
