//! The functions of the C library through which std prints, reads a variable, and aborts.
//!
//! Those of wasi-libc open all standard streams, ask which of them are terminals, and read the
//! environment: ten interfaces of WASI that no policy uses. The host makes every import ready for
//! every login, and these are a sixth of the work for a login that does nothing. The linker takes
//! the functions of this file in their place, because it looks into the C library last.

#![expect(unsafe_code, reason = "C functions, which the linker finds by their names")]

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

use wasi::cli::stderr::{OutputStream, get_stderr};

/// The most bytes that `blocking-write-and-flush` takes, by the definition of `wasi:io/streams`.
const WRITE_BYTES: usize = 4096;

/// The stream is opened once: each opening takes a handle, of which a login has a limited number.
/// It is never closed: the instance ends with the call.
static STDERR: OnceLock<OutputStream> = OnceLock::new();

fn write_to_stderr(bytes: &[u8]) {
    let stderr = STDERR.get_or_init(get_stderr);
    for part in bytes.chunks(WRITE_BYTES) {
        // There is no other place to report it to.
        let _ = stderr.blocking_write_and_flush(part);
    }
}

/// The part of a buffer, as `writev` gets it.
#[repr(C)]
struct IoVec {
    bytes: *const u8,
    length: usize,
}

/// Writes to standard error, whichever stream is named.
#[unsafe(no_mangle)]
extern "C" fn writev(stream: c_int, parts: *const IoVec, count: c_int) -> isize {
    let count = usize::try_from(count).unwrap_or(0);
    let mut written = 0;
    for at in 0..count {
        // SAFETY: the caller passes `count` parts, by the definition of `writev`.
        let part = unsafe { &*parts.add(at) };
        written += write(stream, part.bytes.cast(), part.length);
    }
    written
}

/// Writes to standard error, whichever stream is named.
#[unsafe(no_mangle)]
extern "C" fn write(_stream: c_int, bytes: *const c_void, length: usize) -> isize {
    if length > 0 {
        // SAFETY: the caller passes `length` bytes, by the definition of `write`.
        write_to_stderr(unsafe { std::slice::from_raw_parts(bytes.cast(), length) });
    }
    length.cast_signed()
}

/// Finds no variable: the sandbox has none.
#[unsafe(no_mangle)]
extern "C" fn getenv(_name: *const c_char) -> *const c_char {
    std::ptr::null()
}

/// Ends the instance.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    core::arch::wasm32::unreachable()
}
