//! An OpenID Connect client: it asks a user of a tenant to log in to another account, or an operator to
//! log in at any provider. Authorization code with PKCE.
//!
//! | file | contents |
//! |---|---|
//! | `client.rs` | the requests: to `/authorize`, and for the code |
//! | `tenant_documents.rs` | the tenant's endpoints and public keys |
//! | `id_token.rs` | the verification of an ID token |
//! | `issuer.rs` | the issuer, and the demands on a login there |
//! | `setup.rs` | checks of the application at the tenant |
//! | `oidc_error.rs` | the errors |

mod client;
mod id_token;
mod issuer;
mod oidc_error;
mod setup;
mod tenant_documents;

pub(crate) use client::{LoginAttempt, LoginHints, OidcClient};
pub(crate) use id_token::ProvedLogin;
pub(crate) use oidc_error::OidcError;
