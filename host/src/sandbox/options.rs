//! The options of a sandbox.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::profile::Wasi;
use crate::limits::Limits;

/// The options of a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// The limits of one login.
    pub limits: Limits,
    /// The part of WASI that a plugin can import.
    pub wasi: Wasi,
    /// The source of an instance's memory.
    pub allocator: Allocator,
    /// Whether plugins are compiled for speed. Compiling then takes twice as long, which
    /// pays off after a few logins. Without it, and with [`Allocator::OnDemand`], the
    /// built-in policy is run as the build of the program has compiled it. Fuel is the
    /// same.
    pub optimise: bool,
    /// The most logins that run at once; others wait. Applies to
    /// [`Allocator::Pool`] only.
    pub concurrent_logins: u32,
    /// The folder where compiled code is kept between processes; none keeps
    /// nothing. Its content is trusted: it must belong to the operator alone.
    pub cache: Option<PathBuf>,
    /// The process that compiles plugins.
    pub compiler: Compiler,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            wasi: Wasi::default(),
            allocator: Allocator::OnDemand,
            optimise: true,
            concurrent_logins: 64,
            cache: None,
            compiler: Compiler::default(),
        }
    }
}

/// The source of an instance's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allocator {
    /// Memory is mapped for each login, and none is reserved. For few logins.
    OnDemand,
    /// Memory comes from a pool that the kernel's `PAGEMAP_SCAN` (Linux 6.7)
    /// clears. On kernels without it the pool is the slower of the two, so
    /// [`Allocator::OnDemand`] is used. For servers and benches.
    Pool,
}

/// The process that compiles plugins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Compiler {
    /// This process, without limits of time and memory: for trusted files.
    #[default]
    InProcess,
    /// A child process: this program, which gets the one argument
    /// [`COMPILE_COMMAND`](super::COMPILE_COMMAND) and calls
    /// [`compile_for_parent`](super::compile_for_parent).
    Child(PathBuf),
}
