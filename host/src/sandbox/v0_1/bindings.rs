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
mod settings_bindings {
    // The optional interface `settings` of the same package.
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package ligature:host;
            world settings-only {
                export ligature:login/settings@0.1.0;
            }
        ",
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, reason = "generated code")]
mod warnings_bindings {
    // The optional interface `settings-warnings` of the same package.
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package ligature:host;
            world settings-warnings-only {
                export ligature:login/settings-warnings@0.1.0;
            }
        ",
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, reason = "generated code")]
mod prepared_bindings {
    // The optional interface `prepared-settings` of the same package.
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package ligature:host;
            world prepared-settings-only {
                export ligature:login/prepared-settings@0.1.0;
            }
        ",
    });
}

pub(super) use login_bindings::Plugin;
pub(in crate::sandbox) use login_bindings::PluginPre;
pub(super) use login_bindings::exports::ligature::login::handler;
pub(super) use login_bindings::ligature::login::{accounts, log, raw, types, users};
pub(super) use prepared_bindings::exports::ligature::login::prepared_settings;
pub(super) use settings_bindings::exports::ligature::login::settings;
pub(super) use warnings_bindings::exports::ligature::login::settings_warnings;
