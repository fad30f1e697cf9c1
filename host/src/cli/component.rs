//! `ligature component`.

use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use wit_component::{ComponentEncoder, metadata};

use super::{Exit, Outcome, print_json, print_line};
use crate::reading::cannot_be_read;
use crate::terminal::Json;

/// Make a component of a core module, such as C compiles to
///
/// Makes a component of a core module that has the type of its world in it, as
/// wit-bindgen's C bindings put it there.
///
/// Compilers for C write core modules. Those for Rust, JavaScript and Python
/// write components themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ligature component policy.core.wasm --output policy.wasm")]
pub(super) struct Args {
    /// The core module
    #[arg(value_name = "FILE")]
    module: PathBuf,
    /// Where the component is written; a file that is there is replaced
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Print JSON instead of a line
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn execute(self) -> Outcome {
        let module = self.module.display();
        let bytes = std::fs::read(&self.module)
            .map_err(|error| Exit::unreadable(anyhow!("{module}: {}", cannot_be_read(&error))))?;
        let component = encode(&bytes).with_context(|| format!("{module}: no component can be made of it"));
        let component = component.map_err(Exit::unreadable)?;
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

/// The first eight bytes: `\\0asm`, the version, and the layer, which is 0 for a
/// core module and 1 for a component.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT_LAYER: &[u8] = b"\x01\0";

fn encode(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    if module.starts_with(b"\0asm") && module.get(6..8) == Some(COMPONENT_LAYER) {
        bail!("this is a component already");
    }
    if !module.starts_with(CORE_MODULE) {
        bail!("this is no core module: it does not begin with `\\0asm` and the version 1");
    }
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(module)?;
    let (_, bindings) = metadata::decode(module)?;
    // Of a module without a world a component is made that nothing can use.
    if bindings.resolve.worlds[bindings.world].exports.is_empty() {
        bail!(
            "no world is in it; the object file of the bindings, *_component_type.o, has to be linked into it"
        );
    }
    encoder.encode()
}
