//! The handle to a running tenant.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::api_key::{ApiKeyError, CreatedApiKey, NewApiKey};
use crate::config::{Person, TenantConfig};
use crate::fault::Fault;
use crate::mint::{Mint, MintError};
use crate::tenant::{Tenant, TenantError};

/// Time for which [`DevTenant::shutdown`] waits for requests in flight.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// A running tenant. It stops when this handle is dropped.
///
/// ```
/// use toolgate_dev_tenant::{DevTenant, Mint, TenantConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tenant = DevTenant::builder(TenantConfig::sample()).start().await?;
/// let harriet = tenant.person_of_role("HR").ok_or("no person has the role HR")?;
/// let token = tenant.mint(&Mint::for_person(harriet.id).resource("http://127.0.0.1:8000/mcp"))?;
/// println!("PROPELAUTH_AUTH_URL={}", tenant.auth_url());
/// # assert!(token.len() > 40);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DevTenant {
    tenant: Arc<Tenant>,
    address: SocketAddr,
    task: Option<JoinHandle<()>>,
}

impl DevTenant {
    pub(crate) fn new(tenant: Arc<Tenant>, address: SocketAddr, task: JoinHandle<()>) -> Self {
        Self { tenant, address, task: Some(task) }
    }

    /// Returns the value for `PROPELAUTH_AUTH_URL`, without a trailing slash.
    pub fn auth_url(&self) -> &str {
        &self.tenant.auth_url
    }

    /// Returns the URL of the admin page, on which people can be disabled and tokens created.
    pub fn admin_url(&self) -> String {
        format!("{}/admin", self.tenant.auth_url)
    }

    /// Returns the address that the tenant listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the value for `PROPELAUTH_INTROSPECTION_CLIENT_ID`.
    pub fn introspection_client_id(&self) -> &str {
        &self.tenant.credentials.client_id
    }

    /// Returns the value for `PROPELAUTH_INTROSPECTION_CLIENT_SECRET`.
    ///
    /// Without a [data file](crate::DevTenantBuilder::data), every start generates a new one.
    pub fn introspection_client_secret(&self) -> &str {
        &self.tenant.credentials.client_secret
    }

    /// Returns the value for `PROPELAUTH_API_KEY`: the key of the backend integration, with which a server validates API
    /// keys.
    ///
    /// Without a [data file](crate::DevTenantBuilder::data), every start generates a new one.
    pub fn backend_api_key(&self) -> &str {
        self.tenant.backend_key.expose()
    }

    /// Returns the configuration that the tenant was started with.
    pub fn config(&self) -> &TenantConfig {
        &self.tenant.config
    }

    /// Returns all people with their current role and status, in the order of `tenant.toml`.
    pub fn people(&self) -> Vec<Person> {
        self.tenant.people()
    }

    /// Returns the first enabled person with this role, including role changes.
    pub fn person_of_role(&self, role: &str) -> Option<Person> {
        let mut people = self.people().into_iter();
        people.find(|person| person.enabled && person.role == role)
    }

    /// Mints an access token without a browser: an opaque string with 256 random bits.
    pub fn mint(&self, mint: &Mint) -> Result<String, MintError> {
        self.tenant.mint(mint)
    }

    /// Returns the API key that `tenant.toml` declares with this name, unless it was deleted. It is the same after a restart
    /// with the same [data file](crate::DevTenantBuilder::data).
    pub fn declared_api_key(&self, name: &str) -> Option<String> {
        self.tenant.declared_api_key(name)
    }

    /// Creates an API key, for a caller without a browser.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError`] if its owner, a scope or its resource is unknown.
    pub fn create_api_key(&self, key: &NewApiKey) -> Result<CreatedApiKey, ApiKeyError> {
        self.tenant.create_api_key(key)
    }

    /// Deletes an API key, and sends the webhook of its owner. PropelAuth has none for a generic key.
    pub fn delete_api_key(&self, id: &str) -> Result<(), TenantError> {
        self.tenant.delete_api_key(id).map(drop)
    }

    /// Disables a person. Their tokens and API keys are inactive until they are enabled again.
    pub fn disable_person(&self, id: &str) -> Result<Person, TenantError> {
        self.tenant.set_enabled(id, false)
    }

    /// Enables a person.
    pub fn enable_person(&self, id: &str) -> Result<Person, TenantError> {
        self.tenant.set_enabled(id, true)
    }

    /// Changes the role of a person. Their tokens immediately lose the scopes that the new role cannot grant.
    pub fn set_role(&self, id: &str, role: &str) -> Result<Person, TenantError> {
        self.tenant.set_role(id, role)
    }

    /// Revokes all grants and tokens of a person and ends their browser sessions. Returns the number of grants.
    pub fn revoke_all(&self, id: &str) -> Result<usize, TenantError> {
        self.tenant.revoke_all(id)
    }

    /// Applies a fault to every introspection request until [`clear_fault`](Self::clear_fault).
    pub fn set_fault(&self, fault: Fault) {
        self.tenant.set_fault(Some(fault));
    }

    /// Clears the fault, so that introspection works again.
    pub fn clear_fault(&self) {
        self.tenant.set_fault(None);
    }

    /// Applies a fault to every validation of an API key until
    /// [`clear_api_key_fault`](Self::clear_api_key_fault).
    pub fn set_api_key_fault(&self, fault: Fault) {
        self.tenant.set_api_key_fault(Some(fault));
    }

    /// Clears the fault, so that the validation of API keys works again.
    pub fn clear_api_key_fault(&self) {
        self.tenant.set_api_key_fault(None);
    }

    /// Enables or disables MCP, as in the dashboard under MCP -> Enable MCP.
    pub fn set_mcp_enabled(&self, enabled: bool) {
        self.tenant.set_mcp_enabled(enabled);
    }

    /// Returns the number of introspection requests since the start, including rejected ones.
    pub fn introspection_count(&self) -> u64 {
        self.tenant.introspections.load(Ordering::Relaxed)
    }

    /// Returns the number of validations of API keys since the start, including rejected ones.
    pub fn api_key_validation_count(&self) -> u64 {
        self.tenant.api_key_validations.load(Ordering::Relaxed)
    }

    /// Stops the tenant: it accepts no new connections, aborts requests that take longer than five seconds, and writes and
    /// closes the data file.
    pub async fn shutdown(mut self) {
        self.tenant.shutdown.cancel();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(SHUTDOWN_TIMEOUT, &mut task).await.is_err()
        {
            task.abort();
        }
        self.tenant.journal.close().await;
    }
}

impl Drop for DevTenant {
    fn drop(&mut self) {
        self.tenant.shutdown.cancel();
    }
}
