//! The types and functions that wasmtime generates from the contract.

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, reason = "generated code")]
mod login_bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        imports: { default: trappable },
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, reason = "generated code")]
mod optional_bindings {
    // The optional interfaces of the same package. Each is found in a plugin by itself.
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package ligature:host;
            world optional {
                export ligature:login/settings@0.1.0;
                export ligature:login/settings-warnings@0.1.0;
                export ligature:login/prepared-settings@0.1.0;
            }
        ",
    });
}

pub(super) use login_bindings::Plugin;
pub(super) use login_bindings::exports::ligature::login::handler;
pub(super) use login_bindings::ligature::login::{accounts, log, raw, types, users};
pub(super) use optional_bindings::exports::ligature::login::{
    prepared_settings, settings, settings_warnings,
};
