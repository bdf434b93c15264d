//! Authentication: from a bearer token to a [`Caller`].

mod authenticator;
mod bearer;
mod breaker;
mod cache;
mod caller;
mod claims;
mod finding;
mod kept;
mod peers;
mod readiness;
mod revocation;
mod static_tokens;
mod upstream;
mod validator;

pub use async_trait::async_trait;

pub(crate) use authenticator::{AudiencePolicy, Authenticator};
pub use bearer::{BearerToken, CredentialsError};
pub(crate) use cache::{CacheLimits, TokenCache};
pub use caller::{Caller, InsufficientScope};
pub use claims::{Audience, Claims};
pub use finding::{Finding, Severity};
#[cfg(feature = "redis")]
pub(crate) use peers::{PeerAnswer, Place};
pub(crate) use peers::{Peers, Untold};
pub(crate) use readiness::Readiness;
pub use revocation::Revocation;
pub(crate) use revocation::{Moment, Revocations};
pub use static_tokens::StaticTokens;
pub(crate) use upstream::Upstream;
pub use validator::{AuthorizationServer, TokenValidator, Unavailable, ValidationError};
