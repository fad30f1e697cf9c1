//! Checking and compiling a component. A component that imports something that is
//! not offered is refused before it is compiled.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use wasmparser::Validator;
use wasmtime::Engine;

use super::code_config::FEATURES;
use super::failure::LoadError;
use super::offer;
use super::options::Options;
use super::structure::Structure;
use crate::limits::Limits;

/// The bytes of a component, with their hash, which takes so long that it is computed only once.
#[derive(Debug, Clone, Copy)]
pub struct ComponentBytes<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// SHA-256 of the bytes, in lower-case hexadecimal. Compiled code is kept by it, so it must not be
    /// that of other bytes.
    pub sha256: &'a str,
}

/// The result of checking and compiling a component.
pub(super) struct Prepared<C> {
    /// The component's structure; none if the bytes are not a component.
    pub(super) structure: Option<Structure>,
    /// The compiled code, or the reason why there is none.
    pub(super) component: Result<C, LoadError>,
}

impl<C> From<LoadError> for Prepared<C> {
    fn from(error: LoadError) -> Self {
        Self { structure: None, component: Err(error) }
    }
}

impl<C> Prepared<C> {
    /// Continues with the compiled code, if there was no reason against it.
    pub(super) fn and_then<D>(self, next: impl FnOnce(C) -> Result<D, LoadError>) -> Prepared<D> {
        Prepared { structure: self.structure, component: self.component.and_then(next) }
    }
}

/// Reads a component and checks its structure.
pub(super) fn check(bytes: &[u8], options: &Options) -> Prepared<()> {
    match read_structure(bytes, options) {
        Ok(structure) => {
            let component = offer::check_structure(&structure, options.wasi, &options.limits);
            Prepared { structure: Some(structure), component }
        }
        Err(error) => error.into(),
    }
}

/// Compiles a component in this process.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let compiled = engine.precompile_component(bytes);
    compiled.map_err(|error| explain_failure(bytes, &format!("{error:#}")))
}

/// Reads a component's file. Reading stops one byte after the limit, so that a file
/// that is too large is recognised.
///
/// # Errors
///
/// When it cannot be read.
pub fn read_component(file: &Path, limits: &Limits) -> io::Result<Vec<u8>> {
    // Reading a pipe could block.
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(limits.component_bytes as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Checks the length of a component's file, and its first bytes.
pub(super) fn check_file(bytes: &[u8], limit: usize) -> Result<(), LoadError> {
    if bytes.len() > limit {
        return Err(LoadError::TooLarge { limit });
    }
    // The magic bytes, then the version and the layer: 1 and 0 for a core module,
    // 13 and 1 for a component.
    match bytes {
        [] => Err(LoadError::Empty),
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => Err(LoadError::CoreModule),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        _ => Err(LoadError::NotWasm),
    }
}

fn read_structure(bytes: &[u8], options: &Options) -> Result<Structure, LoadError> {
    check_file(bytes, options.limits.component_bytes)?;
    Structure::parse(bytes, FEATURES).map_err(|_| {
        // Validating the whole file finds the place of the fault.
        explain_failure(bytes, "its structure is not supported")
    })
}

/// Finds the reason why a component was not compiled: it is damaged, it uses an
/// unsupported proposal, or it exceeds a limit of the parser. Otherwise the reason
/// is the compiler's message.
fn explain_failure(bytes: &[u8], compiler_message: &str) -> LoadError {
    let mut features = FEATURES;
    let mut first = None;
    // An error names one missing proposal; the next one shows once that is allowed.
    while let Err(error) = Validator::new_with_features(features).validate_all(bytes) {
        let missing = error.missing_wasm_feature().filter(|missing| !features.contains(*missing));
        let message = first.get_or_insert_with(|| error.to_string());
        match missing {
            Some(missing) => features = features.union(missing),
            None if features != FEATURES => break,
            None if message.contains("exceeds") || message.contains("out of bounds: ") => {
                return LoadError::BeyondParser(message.clone());
            }
            None => return LoadError::Damaged(message.clone()),
        }
    }
    let Some(message) = first else { return LoadError::NotCompiled(compiler_message.to_owned()) };
    let names: Vec<_> =
        features.difference(FEATURES).iter_names().map(|(name, _)| proposal_name(name)).collect();
    let proposals = if names.len() == 1 { "the proposal" } else { "the proposals" };
    LoadError::Unsupported { proposals: format!("{proposals} {}", names.join(" and ")), message }
}

/// Returns a proposal's name in words: `exceptions` for `EXCEPTIONS`,
/// `component-model async` for `CM_ASYNC`.
fn proposal_name(proposal: &str) -> String {
    let words = proposal.to_ascii_lowercase().replace('_', "-");
    match words.strip_prefix("cm-") {
        Some(of_components) => format!("component-model {of_components}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::explain_failure;

    fn refusal(text: &str) -> String {
        explain_failure(&wat::parse_str(text).unwrap(), "?").to_string()
    }

    #[test]
    fn a_proposal_that_is_not_supported_is_named() {
        let threads = refusal("(component (core module (memory 1 1 shared)))");
        assert!(threads.starts_with("uses the proposal threads of WebAssembly,"), "{threads}");
        let memory64 = refusal("(component (core module (memory i64 1)))");
        assert!(memory64.starts_with("uses the proposal memory64 of WebAssembly,"), "{memory64}");
        let gc = refusal("(component (core module (type (struct (field i32)))))");
        assert!(gc.starts_with("uses the proposals gc and gc-types of WebAssembly"), "{gc}");
    }

    #[test]
    fn a_broken_component_is_called_damaged() {
        let broken = explain_failure(b"\0asm\x0d\0\x01\0\x07\xff", "?").to_string();
        assert!(broken.starts_with("is damaged or cut off: "), "{broken}");
    }
}
