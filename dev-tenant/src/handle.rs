//! The handle to a running tenant.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::builder::DevTenantBuilder;
use crate::config::{Person, TenantConfig};
use crate::fault::Fault;
use crate::mint::{Mint, MintError};
use crate::tenant::{Tenant, TenantError};

/// How long [`DevTenant::shutdown`] waits for requests in flight.
const DRAIN: Duration = Duration::from_secs(5);

/// A running tenant. It stops when this is dropped.
///
/// ```
/// use toolgate_dev_tenant::{DevTenant, Mint, TenantConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tenant = DevTenant::builder(TenantConfig::sample()).start().await?;
/// let harriet = tenant.person_of_role("HR").ok_or("nobody in HR")?;
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

    /// Configures a tenant.
    pub fn builder(config: TenantConfig) -> DevTenantBuilder {
        DevTenantBuilder::new(config)
    }

    /// What goes into `PROPELAUTH_AUTH_URL`, without a trailing slash.
    pub fn auth_url(&self) -> &str {
        &self.tenant.auth_url
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes into `PROPELAUTH_INTROSPECTION_CLIENT_ID`.
    pub fn introspection_client_id(&self) -> &str {
        &self.tenant.credentials.client_id
    }

    /// What goes into `PROPELAUTH_INTROSPECTION_CLIENT_SECRET`; another one at every start, unless the state is
    /// in a file.
    pub fn introspection_client_secret(&self) -> &str {
        &self.tenant.credentials.client_secret
    }

    /// The configuration that it was started with.
    pub fn config(&self) -> &TenantConfig {
        &self.tenant.config
    }

    /// All people as they are now, in the order of `tenant.toml`.
    pub fn people(&self) -> Vec<Person> {
        self.tenant.people()
    }

    /// The first enabled person who holds the role now.
    pub fn person_of_role(&self, role: &str) -> Option<Person> {
        let mut people = self.people().into_iter();
        people.find(|person| person.enabled && person.role == role)
    }

    /// Mints an access token without a browser: a random opaque string of 256 bits.
    pub fn mint(&self, order: &Mint) -> Result<String, MintError> {
        self.tenant.mint(order)
    }

    /// Disables a person: their tokens are inactive until they are enabled again.
    pub fn disable_person(&self, id: &str) -> Result<Person, TenantError> {
        self.tenant.set_enabled(id, false)
    }

    /// Enables a person.
    pub fn enable_person(&self, id: &str) -> Result<Person, TenantError> {
        self.tenant.set_enabled(id, true)
    }

    /// Gives a person another role. Their tokens lose at once what the new role cannot grant.
    pub fn set_role(&self, id: &str, role: &str) -> Result<Person, TenantError> {
        self.tenant.set_role(id, role)
    }

    /// Revokes all grants of a person, with all tokens, logs them out of their browsers, and answers how many
    /// grants there were.
    pub fn revoke_all(&self, id: &str) -> Result<usize, TenantError> {
        self.tenant.revoke_all(id)
    }

    /// Lets every introspection go wrong in this way until [`clear_fault`](Self::clear_fault).
    pub fn set_fault(&self, fault: Fault) {
        self.tenant.set_fault(Some(fault));
    }

    /// Introspection works again.
    pub fn clear_fault(&self) {
        self.tenant.set_fault(None);
    }

    /// Turns MCP on or off for this environment, as in the dashboard under MCP -> Enable MCP.
    pub fn set_mcp_enabled(&self, enabled: bool) {
        self.tenant.mcp_enabled.store(enabled, Ordering::Relaxed);
    }

    /// How many introspection requests have arrived, whatever became of them.
    pub fn introspection_count(&self) -> u64 {
        self.tenant.introspections.load(Ordering::Relaxed)
    }

    /// Stops: no new connections, requests in flight get a few seconds, hanging ones are cut off.
    pub async fn shutdown(mut self) {
        self.tenant.shutdown.cancel();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(DRAIN, &mut task).await.is_err()
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
