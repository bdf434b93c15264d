//! Validators for any authorization server: [`Introspection`] (RFC 7662), and `Jwt` (RFC 9068, feature `jwt`).
//!
//! | | [`Introspection`] | `Jwt` |
//! |---|---|---|
//! | tokens | any, also opaque ones | JWT access tokens |
//! | needs from the authorization server | a client that may introspect tokens | nothing but its public metadata and keys |
//! | requests to it | one for each token, when it is not cached | a few every 10 minutes |
//! | a revoked token | is rejected after the `ttl` of the token cache | is accepted until it expires, or until [`BuiltServer::revocations`](crate::BuiltServer::revocations) ends it |
//! | an outage of it | ends access to tokens that are not cached (503) | ends access after an hour (503) |

mod access_token;
mod claim_names;
mod config;
pub(crate) mod credentials;
mod discovery;
pub(crate) mod endpoints;
pub(crate) mod http_client;
mod introspection;
pub(crate) mod introspection_response;
mod issuer;
mod json_claims;
#[cfg(feature = "jwt")]
mod jwt;
pub(crate) mod limit_methods;
pub(crate) mod metadata;
mod preflight;
pub(crate) mod request_error;
mod retry_after;
#[cfg(test)]
pub(crate) mod stub;

#[cfg(all(feature = "jwt", any(fuzzing, toolgate_internals)))]
pub(crate) use self::jwt::fuzzing;

pub(crate) use self::claim_names::ClaimNames;
#[cfg(feature = "jwt")]
pub use self::jwt::{Jwt, SigningAlgorithm};
pub use self::{
    config::{ConfigError, Variable},
    introspection::Introspection,
    issuer::UrlError,
};
