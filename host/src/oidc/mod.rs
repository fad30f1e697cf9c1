//! An OpenID Connect client of one tenant, which asks a user to log in to another account:
//! authorization code with PKCE.
//!
//! | file | contents |
//! |---|---|
//! | `client.rs` | the requests: to `/authorize`, and for the code |
//! | `tenant_documents.rs` | the tenant's endpoints and public keys |
//! | `id_token.rs` | the verification of an ID token |
//! | `setup.rs` | checks of the application at the tenant |
//! | `oidc_error.rs` | the errors |

mod client;
mod id_token;
mod oidc_error;
mod setup;
mod tenant_documents;

pub(crate) use client::{LoginAttempt, LoginHints, OidcClient};
pub(crate) use id_token::ProvedLogin;
pub(crate) use oidc_error::OidcError;
