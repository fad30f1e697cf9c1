//! A component without its post-return functions.
//!
//! The engine calls one after each call, so that the guest frees what it has returned. An instance that
//! serves one call is dropped with all of its memory, so nothing has to be freed.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{CanonicalFunctionSection, ComponentSection};
use wasmparser::{CanonicalFunction, CanonicalOption, Chunk, Parser, Payload};

/// Returns the component without its post-return functions; none if it cannot be read. Components in it
/// stay as they are: Wizer supports none that hold code.
pub(super) fn remove_post_returns(component: &[u8]) -> Option<Vec<u8>> {
    let mut parser = Parser::new(0);
    let (mut rest, mut written) = (component, Vec::with_capacity(component.len()));
    loop {
        let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) else { return None };
        let mut copied = consumed;
        match payload {
            Payload::ComponentCanonicalSection(functions) => {
                let mut section = CanonicalFunctionSection::new();
                WithoutPostReturn.parse_component_canonical_section(&mut section, functions).ok()?;
                section.append_to_component(&mut written);
                rest = rest.get(consumed..)?;
                continue;
            }
            // The parser continues behind it.
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => copied += unchecked_range.len(),
            Payload::End(_) => return Some(written),
            _ => {}
        }
        written.extend_from_slice(rest.get(..copied)?);
        rest = rest.get(copied..)?;
    }
}

struct WithoutPostReturn;

impl Reencode for WithoutPostReturn {
    type Error = Infallible;
}

impl ReencodeComponent for WithoutPostReturn {
    fn parse_component_canonical(
        &mut self,
        section: &mut CanonicalFunctionSection,
        mut function: CanonicalFunction,
    ) -> Result<(), Error<Infallible>> {
        if let CanonicalFunction::Lift { options, .. } = &mut function {
            let kept = options.iter().filter(|it| !matches!(it, CanonicalOption::PostReturn(_)));
            *options = kept.copied().collect();
        }
        component_utils::parse_component_canonical(self, section, function)
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{CanonicalFunction, CanonicalOption, Parser, Payload, Validator};

    use super::remove_post_returns;

    const COMPONENT: &str = r#"(component
        (core module $module
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
            (func (export "greet") (result i32) i32.const 0)
            (func (export "free") (param i32)))
        (component $inner)
        (core instance $instance (instantiate $module))
        (type $resource (resource (rep i32)))
        (core func (canon resource.drop $resource))
        (func (export "greet") (result string)
            (canon lift
                (core func $instance "greet")
                (memory (core memory $instance "memory"))
                (realloc (core func $instance "realloc"))
                (post-return (core func $instance "free"))))
        (func (export "other") (result string)
            (canon lift
                (core func $instance "greet")
                (memory (core memory $instance "memory"))
                string-encoding=utf16)))"#;

    fn lifts(component: &[u8]) -> Vec<Vec<CanonicalOption>> {
        let mut lifts = Vec::new();
        for payload in Parser::new(0).parse_all(component) {
            if let Payload::ComponentCanonicalSection(functions) = payload.unwrap() {
                for function in functions {
                    if let CanonicalFunction::Lift { options, .. } = function.unwrap() {
                        lifts.push(options.into_vec());
                    }
                }
            }
        }
        lifts
    }

    #[test]
    fn every_other_option_and_section_stays() {
        let before = wat::parse_str(COMPONENT).unwrap();
        let after = remove_post_returns(&before).unwrap();
        Validator::new().validate_all(&after).unwrap();
        let mut expected = lifts(&before);
        assert!(matches!(expected[0].pop(), Some(CanonicalOption::PostReturn(_))), "{expected:?}");
        assert_eq!(lifts(&after), expected);
        // The option and its index.
        assert_eq!(after.len(), before.len() - 2);
        assert_eq!(remove_post_returns(&after), Some(after));
    }

    #[test]
    fn of_a_damaged_component_there_is_none() {
        let component = wat::parse_str(COMPONENT).unwrap();
        assert_eq!(remove_post_returns(&component[..component.len() - 20]), None);
        assert_eq!(remove_post_returns(b"damaged"), None);
        assert_eq!(remove_post_returns(b""), None);
    }
}
