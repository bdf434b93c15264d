//! Minting: issuing a token without a browser.

use std::time::Duration;

use crate::resource::ResourceError;

/// Default client id of minted tokens.
pub(crate) const MINT_CLIENT_ID: &str = "dev-tenant-mint";

/// The properties of a token to mint, for [`DevTenant::mint`](crate::DevTenant::mint).
///
/// ```
/// use std::time::Duration;
/// use toolgate_dev_tenant::Mint;
///
/// let mint = Mint::for_person("5a3e1f00-0000-4000-8000-000000000201")
///     .resource("http://127.0.0.1:8000/mcp")
///     .scopes(["employees:read:public"])
///     .expires_in(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Mint {
    pub(crate) person: String,
    pub(crate) audience: Audience,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) lifetime: Duration,
    pub(crate) client_id: String,
}

/// The `aud` of a token to mint. It has no default, so that a token without one is intended.
#[derive(Clone, Debug)]
pub(crate) enum Audience {
    Unset,
    Resource(String),
    None,
}

impl Mint {
    /// Requests a token for the person with this id, with all scopes of their role and a lifetime of one hour.
    pub fn for_person(id: impl Into<String>) -> Self {
        Self {
            person: id.into(),
            audience: Audience::Unset,
            scopes: None,
            lifetime: Duration::from_hours(1),
            client_id: MINT_CLIENT_ID.to_owned(),
        }
    }

    /// Sets the resource of the token (`aud`), such as `http://127.0.0.1:8000/mcp`.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.audience = Audience::Resource(resource.into());
        self
    }

    /// Omits `aud` from the introspection response.
    pub fn without_audience(mut self) -> Self {
        self.audience = Audience::None;
        self
    }

    /// Sets the scopes of the token. Default: all scopes of the role.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the lifetime of the token, in whole seconds. With zero, the token is expired from the start.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the `client_id` of the introspection response.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }
}

/// Reasons why no token was minted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// No person has the id.
    #[error("no person has the id `{0}`; use an id of [[people]] in tenant.toml")]
    UnknownPerson(String),
    /// The person is disabled.
    #[error("{0} is disabled; enable this person first")]
    Disabled(String),
    /// Neither [`Mint::resource`] nor [`Mint::without_audience`] was called.
    #[error("the token has no resource; call `.resource(..)`, or `.without_audience()` for a token without `aud`")]
    NoResource,
    /// The tenant issues no tokens for the resource.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// The person's role cannot grant a scope.
    #[error("the role `{role}` cannot grant `{scope}`; omit the scope or add it to the role in tenant.toml")]
    NotGrantable {
        /// The person's role.
        role: String,
        /// The requested scope.
        scope: String,
    },
}
