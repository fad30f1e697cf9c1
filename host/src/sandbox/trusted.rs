//! A component that this program was built with.

use super::compile::ComponentBytes;

/// A component that this program was built with, and the code that the build compiled of it.
#[derive(Debug, Clone, Copy)]
pub struct TrustedComponent {
    /// The component.
    pub component: ComponentBytes<'static>,
    /// Code for any processor of the target, and for engines that map memory on demand; empty if the
    /// build had no compiler for the target.
    pub(super) code: &'static [u8],
}

impl TrustedComponent {
    /// A component with its code.
    ///
    /// # Safety
    ///
    /// The code is what wasmtime's compiler returned for this component, or empty. It is run unchecked.
    #[cfg(feature = "built-in")]
    #[allow(unsafe_code, reason = "code that is run must come from the compiler")]
    pub(crate) const unsafe fn new(component: ComponentBytes<'static>, code: &'static [u8]) -> Self {
        Self { component, code }
    }
}

#[cfg(test)]
#[cfg(feature = "built-in")]
mod tests {
    use super::TrustedComponent;
    use crate::BUILT_IN;
    use crate::ambient::Ambient;
    use crate::sandbox::{Options, Sandbox};

    #[test]
    #[allow(unsafe_code, reason = "wasmtime refuses both: they are no code")]
    fn a_component_without_code_for_this_machine_is_compiled() {
        for code in [&b""[..], b"code of another version"] {
            let options = Options { optimise: false, ..Options::default() };
            let sandbox = Sandbox::start(options, &Ambient::system()).unwrap();
            // SAFETY: it is refused before it is run.
            let trusted = unsafe { TrustedComponent::new(BUILT_IN.component, code) };
            assert_eq!(sandbox.load_trusted("built-in", trusted).unwrap().name(), "built-in");
        }
    }
}
