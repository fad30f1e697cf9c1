//! A policy as a component: the interfaces of the world `warning-plugin`.

use std::marker::PhantomData;

use crate::Policy;

/// The component that [`export!`](crate::export) makes of a policy.
#[doc(hidden)]
#[derive(Debug)]
pub struct Component<P: Policy>(PhantomData<P>);

#[cfg(target_family = "wasm")]
mod exports {
    use std::mem::ManuallyDrop;

    use super::Component;
    use crate::bindings::{self, Answer, SettingsError, Warning};
    use crate::host::Imports;
    use crate::settings::for_login;
    use crate::{ApiError, LoginEvent, Outcome, Policy, Settings};

    impl<P: Policy> bindings::Handler for Component<P> {
        #[inline(always)]
        fn on_login(event: LoginEvent) -> Result<Outcome, ApiError> {
            // The instance ends with this call: nothing needs to be freed.
            let event = ManuallyDrop::new(event);
            let settings = ManuallyDrop::new(for_login::<P::Settings>(&event.settings)?);
            P::on_login(&event, &settings, &mut Imports)
        }

        #[inline(always)]
        fn on_continue(event: LoginEvent, answer: Answer) -> Result<Outcome, ApiError> {
            let (event, answer) = (ManuallyDrop::new(event), ManuallyDrop::new(answer));
            let settings = ManuallyDrop::new(for_login::<P::Settings>(&event.settings)?);
            P::on_continue(&event, &answer, &settings, &mut Imports)
        }
    }

    impl<P: Policy> bindings::Settings for Component<P> {
        fn schema() -> String {
            P::Settings::schema()
        }

        fn check(settings: String) -> Result<(), SettingsError> {
            P::Settings::read_and_check(&settings).map(drop)
        }
    }

    impl<P: Policy> bindings::SettingsWarnings for Component<P> {
        fn warn(settings: String) -> Vec<Warning> {
            P::Settings::parse(&settings).map(|settings| settings.warnings()).unwrap_or_default()
        }
    }
}
