//! Authentication: validates bearer tokens and caches the [`Caller`] of each.

mod access;
mod authenticator;
mod bearer_token;
mod caller;
mod caller_extractor;
mod circuit_breaker;
mod claims;
mod compact_claims;
mod control_question;
mod diagnostic;
mod directory;
mod granted;
mod guarded_validator;
mod identity;
mod provider;
mod readiness;
mod replicator;
mod resource;
mod retrying_validator;
mod revocation_clock;
mod revocations;
mod static_tokens;
mod test_delivery;
mod token_cache;
mod token_digest;
mod user_namespace;
mod validator;
mod validator_chain;
mod validators;

/// Attribute for `impl TokenValidator`.
pub use async_trait::async_trait;

pub(crate) use access::Access;
pub(crate) use authenticator::{AudiencePolicy, Authenticator};
pub use bearer_token::{BearerToken, CredentialsError};
pub use caller::{Caller, InsufficientScope};
pub(crate) use caller_extractor::GatedCaller;
pub use caller_extractor::MissingGate;
pub use claims::{Audience, Claims};
pub(crate) use diagnostic::code;
pub use diagnostic::{Diagnostic, Preflight, Severity};
pub(crate) use directory::UserDirectory;
pub use directory::{Directory, DirectoryError, IdentityProvider, Membership, Profile, ProviderToken};
pub use granted::Granted;
pub(crate) use guarded_validator::{GuardedValidator, TokenClass};
pub(crate) use identity::Principal;
#[cfg(feature = "rates")]
pub(crate) use identity::RateSubject;
pub use provider::{AuthProvider, ProvidedAuth, ProviderError, ServerDescription};
pub(crate) use readiness::{Readiness, ValidatorReadiness};
pub use replicator::ReplicationError;
pub(crate) use replicator::Replicator;
#[cfg(feature = "redis")]
pub(crate) use replicator::{SharedIntrospection, StreamPosition};
pub use resource::Resource;
pub(crate) use revocation_clock::{Epoch, RevocationClock};
pub use revocations::{Revocation, Revocations};
pub use static_tokens::StaticTokens;
pub use test_delivery::TestDelivery;
pub use token_cache::TokenCacheConfig;
pub(crate) use token_cache::{CachedToken, TokenCache};
pub(crate) use user_namespace::UserNamespace;
pub use validator::{
    AuthorizationServer, Inactive, Route, SetupError, TokenForm, TokenValidator, Unavailable, ValidationError,
    ValidatorTexts,
};
pub(crate) use validator_chain::ValidatorChain;
pub use validators::{IntoValidators, Validators};
