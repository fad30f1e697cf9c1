//! Components that contain more than their compiler generated.

const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const COMPONENT: u8 = 4;
const COMPONENT_INSTANCE: u8 = 5;

/// A component with one more core module, which is instantiated with it.
#[must_use]
pub fn with_module(component: &[u8], module: &[u8]) -> Vec<u8> {
    with(component, module, CORE_MODULE, CORE_INSTANCE)
}

/// A component with one more component, which is instantiated with it.
#[must_use]
pub fn with_component(component: &[u8], inner: &[u8]) -> Vec<u8> {
    with(component, inner, COMPONENT, COMPONENT_INSTANCE)
}

/// A core module of some kilobytes that takes a compiler minutes: many
/// functions with many locals.
#[must_use]
pub fn slow_to_compile() -> Vec<u8> {
    const FUNCTIONS: usize = 20_000;
    let locals = [&leb128(1)[..], &leb128(49_000), &[0x7e]].concat();
    let body = [&locals[..], &[0x0b]].concat();
    let function = [&leb128(body.len())[..], &body].concat();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &[1, 0x60, 0, 0]);
    section(&mut module, 3, &[leb128(FUNCTIONS), vec![0; FUNCTIONS]].concat());
    section(&mut module, 10, &[leb128(FUNCTIONS), function.repeat(FUNCTIONS)].concat());
    module
}

fn with(component: &[u8], inner: &[u8], definition: u8, instance: u8) -> Vec<u8> {
    let index = sections(component).filter(|id| *id == definition).count();
    let mut bytes = component.to_vec();
    section(&mut bytes, definition, inner);
    section(&mut bytes, instance, &[&[1, 0][..], &leb128(index), &[0]].concat());
    bytes
}

fn section(to: &mut Vec<u8>, id: u8, content: &[u8]) {
    to.push(id);
    to.extend(leb128(content.len()));
    to.extend(content);
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f).to_le_bytes()[0];
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

/// The ids of a component's sections.
fn sections(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&id, mut after) = rest.split_first()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (&byte, next) = after.split_first()?;
            after = next;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        rest = after.get(length..)?;
        Some(id)
    })
}
