//! API keys: what a caller without a browser sends, such as a CI job.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::resource::ResourceError;

/// The owner of an API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyOwner {
    /// The person with this id. The key is invalid while the person is disabled.
    Person(String),
    /// The organization.
    Organization,
    /// No one, as for a generic key.
    Nobody,
}

/// The properties of an API key to create, for [`DevTenant::create_api_key`](crate::DevTenant::create_api_key).
///
/// ```
/// use toolgate_dev_tenant::{DevTenant, NewApiKey, TenantConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tenant = DevTenant::builder(TenantConfig::sample()).start().await?;
/// let created = tenant.create_api_key(&NewApiKey::for_organization().name("CI").scopes(["analytics:read:all"]))?;
/// tenant.delete_api_key(&created.id)?; // The key is invalid now.
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NewApiKey {
    pub(crate) name: String,
    pub(crate) owner: KeyOwner,
    pub(crate) scopes: Vec<String>,
    pub(crate) resource: Option<String>,
    pub(crate) lifetime: Option<Duration>,
}

impl NewApiKey {
    /// Requests a key of the person with this id.
    pub fn for_person(id: impl Into<String>) -> Self {
        Self::new(KeyOwner::Person(id.into()))
    }

    /// Requests a key of the organization.
    pub fn for_organization() -> Self {
        Self::new(KeyOwner::Organization)
    }

    /// Requests a key without an owner.
    pub fn generic() -> Self {
        Self::new(KeyOwner::Nobody)
    }

    pub(crate) fn new(owner: KeyOwner) -> Self {
        Self { name: String::new(), owner, scopes: Vec::new(), resource: None, lifetime: None }
    }

    /// Sets the name on the admin page.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the `scopes` of the key's metadata. Default: none.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the `resource` of the key's metadata, such as `http://127.0.0.1:8000/mcp`. Default: none.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Sets the lifetime, in whole seconds. Default: the key does not expire.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// A new API key. The tenant stores only its digest.
#[derive(Clone)]
#[non_exhaustive]
pub struct CreatedApiKey {
    /// The id of the key, for [`DevTenant::delete_api_key`](crate::DevTenant::delete_api_key).
    pub id: String,
    /// The key.
    pub key: String,
}

/// Omits the key.
impl fmt::Debug for CreatedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reasons why no API key was created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// No person has the id.
    #[error("no person has the id `{0}`; use an id of [[people]] in tenant.toml")]
    UnknownPerson(String),
    /// A scope is not defined.
    #[error("the scope `{0}` is not in tenant.toml; omit it or add it under [[scopes]]")]
    UnknownScope(String),
    /// The resource of the key is not one for which the tenant issues tokens.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// There are too many keys.
    #[error("there are {0} API keys already; delete one first")]
    TooMany(usize),
}
