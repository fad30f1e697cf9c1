//! A component that this program was built with.

use super::compile::ComponentBytes;

/// A component that this program was built with, and the code that the build compiled of it.
#[derive(Debug, Clone, Copy)]
pub struct TrustedComponent {
    component: ComponentBytes<'static>,
    /// Code for any processor of the target, and for engines that map memory on demand; empty if the
    /// build has compiled none.
    pub(super) code: &'static [u8],
}

impl TrustedComponent {
    /// A component with its code.
    ///
    /// # Safety
    ///
    /// The code is what wasmtime's compiler returned for this component, for any engine, or empty. It is
    /// run unchecked.
    #[cfg(feature = "built-in")]
    #[allow(unsafe_code, reason = "code that is run must come from the compiler")]
    pub(crate) const unsafe fn new(component: ComponentBytes<'static>, code: &'static [u8]) -> Self {
        Self { component, code }
    }

    /// The component.
    #[must_use]
    pub fn component(&self) -> ComponentBytes<'static> {
        self.component
    }
}

#[cfg(test)]
#[cfg(feature = "built-in")]
mod tests {
    use wasmtime::{Config, Engine};

    use super::TrustedComponent;
    use crate::ambient::Ambient;
    use crate::sandbox::{Options, Sandbox};
    use crate::{BUILT_IN, PLUGIN};

    #[test]
    #[allow(unsafe_code, reason = "the code is that of the component")]
    fn a_component_without_code_for_the_engine_is_compiled() {
        let without_fuel = Engine::new(&Config::new()).unwrap().precompile_component(PLUGIN).unwrap();
        for code in [&[][..], without_fuel.leak()] {
            let options = Options { optimise: false, ..Options::default() };
            let sandbox = Sandbox::start(options, &Ambient::system()).unwrap();
            // SAFETY: wasmtime has compiled it.
            let trusted = unsafe { TrustedComponent::new(BUILT_IN.component(), code) };
            assert_eq!(sandbox.load_trusted("built-in", trusted).unwrap().name(), "built-in");
        }
    }
}
