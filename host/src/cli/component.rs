//! `ligature component`.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use wit_component::ComponentEncoder;

use super::{Exit, Outcome, print_line};
use crate::harness::cannot_be_read;

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
        print_line(format!("{output} is written: {} bytes", component.len()))
    }
}

fn encode(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(module)?.encode()
}
