//! From a file's bytes to compiled code: what is not offered is refused before
//! the compiler sees it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use wasmparser::Validator;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::anatomy::Anatomy;
use super::engine::{FEATURES, Options};
use super::failure::LoadError;
use super::offer;
use crate::limits::Limits;

/// A component as far as it came.
pub(super) struct Prepared<C> {
    /// Its structure; none if the bytes are no component.
    pub(super) anatomy: Option<Anatomy>,
    /// The compiled code, or why there is none.
    pub(super) component: Result<C, LoadError>,
}

impl<C> From<LoadError> for Prepared<C> {
    fn from(error: LoadError) -> Self {
        Self { anatomy: None, component: Err(error) }
    }
}

/// Reads a component, checks it, and compiles it in this process.
pub(super) fn prepare(engine: &Engine, options: &Options, bytes: &[u8]) -> Prepared<Component> {
    let anatomy = match read(bytes, options) {
        Ok(anatomy) => anatomy,
        Err(error) => return error.into(),
    };
    let component = offer::check(&anatomy, options.wasi, &options.limits).and_then(|()| {
        let compiled = Component::from_binary(engine, bytes);
        compiled.map_err(|error| not_compiled(bytes, &format!("{error:#}")))
    });
    Prepared { anatomy: Some(anatomy), component }
}

/// Reads a component's file. Of one that is too large only so much is read that
/// it is known to be.
///
/// # Errors
///
/// When it cannot be read.
pub fn read_component(file: &Path, limits: &Limits) -> io::Result<Vec<u8>> {
    // A pipe would be waited for.
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(limits.component_bytes as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether the bytes can be a component at all: their number, and how they
/// begin.
pub(super) fn check_file(bytes: &[u8], limit: usize) -> Result<(), LoadError> {
    if bytes.len() > limit {
        return Err(LoadError::TooLarge { limit });
    }
    // Magic, then the version and layer: 1 and 0 for a core module, 13 and 1
    // for a component.
    match bytes {
        [] => Err(LoadError::Empty),
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => Err(LoadError::CoreModule),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        _ => Err(LoadError::NotWasm),
    }
}

fn read(bytes: &[u8], options: &Options) -> Result<Anatomy, LoadError> {
    check_file(bytes, options.limits.component_bytes)?;
    Anatomy::read(bytes, FEATURES).map_err(|_| {
        // The place is told by the validation of the whole.
        not_compiled(bytes, "its structure is not supported")
    })
}

/// The reason why a component is not compiled: it is broken, not supported, or
/// beyond a limit of the parser; or the compiler's own.
fn not_compiled(bytes: &[u8], compiler: &str) -> LoadError {
    let mut features = FEATURES;
    let mut first = None;
    // Each proposal that it uses is found by the one before it being allowed.
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
    let Some(message) = first else { return LoadError::NotCompiled(compiler.to_owned()) };
    let names: Vec<_> = features.difference(FEATURES).iter_names().map(|(name, _)| in_words(name)).collect();
    let proposals = if names.len() == 1 { "the proposal" } else { "the proposals" };
    LoadError::Unsupported { proposals: format!("{proposals} {}", names.join(" and ")), message }
}

/// `EXCEPTIONS` as `exceptions`, `CM_ASYNC` as `component-model async`.
fn in_words(proposal: &str) -> String {
    let words = proposal.to_ascii_lowercase().replace('_', "-");
    match words.strip_prefix("cm-") {
        Some(of_components) => format!("component-model {of_components}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::not_compiled;

    fn refusal(text: &str) -> String {
        not_compiled(&wat::parse_str(text).unwrap(), "?").to_string()
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
        let broken = not_compiled(b"\0asm\x0d\0\x01\0\x07\xff", "?").to_string();
        assert!(broken.starts_with("is damaged or cut off: "), "{broken}");
    }
}
