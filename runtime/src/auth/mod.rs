//! Authentication: from a bearer token to a [`Caller`].

mod authenticator;
mod bearer;
mod caller;
mod claims;
mod static_tokens;
mod validator;

pub use async_trait::async_trait;

pub(crate) use authenticator::{AudiencePolicy, Authenticator};
pub use bearer::{BearerToken, CredentialsError};
pub use caller::{Caller, InsufficientScope};
pub use claims::{Audience, Claims};
pub use static_tokens::StaticTokens;
pub use validator::{AuthorizationServer, TokenValidator, Unavailable, ValidationError};
