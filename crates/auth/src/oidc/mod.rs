//! Signing in at somebody else's service by OpenID Connect: which services there are, where a
//! browser is sent, and what the service then vouches for. Whom that makes here is decided by
//! [`SignIns::sign_in_with`](crate::SignIns::sign_in_with).
//!
//! The authorization code flow with PKCE. Nothing is kept between the two requests: state, nonce
//! and verifier are made from a cookie's random value ([`OidcFlow`]), so that a flood of begun
//! sign-ins costs no memory, and any server of a cluster may answer the second request. A code
//! works once because its service says so.

mod config;
mod document;
mod fetch;
mod flow;
mod providers;

pub use config::{OidcConfig, OidcConfigError};
pub use flow::OidcFlow;
pub use providers::{OidcAnswer, OidcError, OidcProviders, Vouched};
