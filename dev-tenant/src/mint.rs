//! Minting a token without a browser.

use std::time::Duration;

use crate::resource::ResourceError;

/// The client id of minted tokens that name no other.
pub(crate) const MINT_CLIENT_ID: &str = "dev-tenant-mint";

/// An order for one access token, for [`DevTenant::mint`](crate::DevTenant::mint).
///
/// ```
/// use std::time::Duration;
/// use toolgate_dev_tenant::Mint;
///
/// let order = Mint::for_person("5a3e1f00-0000-4000-8000-000000000201")
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

#[derive(Clone, Debug)]
pub(crate) enum Audience {
    Unset,
    Resource(String),
    None,
}

impl Mint {
    /// A token of the person with this id, with all scopes of their role, for one hour.
    pub fn for_person(id: impl Into<String>) -> Self {
        Self {
            person: id.into(),
            audience: Audience::Unset,
            scopes: None,
            lifetime: Duration::from_secs(60 * 60),
            client_id: MINT_CLIENT_ID.to_owned(),
        }
    }

    /// The resource that the token is for (`aud`), such as `http://127.0.0.1:8000/mcp`.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.audience = Audience::Resource(resource.into());
        self
    }

    /// Leaves `aud` out of the introspection answer.
    pub fn without_audience(mut self) -> Self {
        self.audience = Audience::None;
        self
    }

    /// These scopes instead of all that the role holds.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// How long the token lives. Zero makes one that has expired already.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The `client_id` of the introspection answer.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }
}

/// Why no token was minted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// No such person.
    #[error("nobody has the id `{0}`; use one of the [[people]] in tenant.toml")]
    UnknownPerson(String),
    /// The person is disabled.
    #[error("{0} is disabled; enable them first")]
    Disabled(String),
    /// Neither a resource nor the wish for none.
    #[error("the token is for no resource; call `.resource(..)`, or `.without_audience()` to mean it")]
    NoResource,
    /// A resource that the tenant issues no tokens for.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// A scope that the person's role cannot grant.
    #[error("the role `{role}` cannot grant `{scope}`; leave it out or give the role the scope")]
    NotGrantable {
        /// The person's role.
        role: String,
        /// The scope asked for.
        scope: String,
    },
}
