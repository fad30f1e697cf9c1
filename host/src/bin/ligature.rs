//! The program `ligature`.

use std::process::ExitCode;

use ligature_host::ambient::Ambient;

/// A login is many small allocations that live for microseconds: measured, the
/// system's allocator was a quarter of one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ligature_host::cli::run(&Ambient::system())
}
