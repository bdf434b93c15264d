//! Starting a tenant, and the handle to a running one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::config::{Person, TenantConfig};
use crate::fault::Fault;
use crate::http;
use crate::mint::{Mint, MintError};
use crate::resource::ResourcePolicy;
use crate::settings::{IssuerVariant, Settings};
use crate::tenant::{Tenant, TenantError};

/// How long [`DevTenant::shutdown`] waits for requests in flight.
const DRAIN: Duration = Duration::from_secs(5);

/// Configures a [`DevTenant`]; made by [`DevTenant::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct DevTenantBuilder {
    config: TenantConfig,
    bind: SocketAddr,
    settings: Settings,
}

impl DevTenantBuilder {
    /// The address to listen on, loopback only. Default: `127.0.0.1` and any free port.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.bind = address;
        self
    }

    /// Which issuer the metadata carries. Default: [`IssuerVariant::AtPath`].
    pub fn issuer_variant(mut self, variant: IssuerVariant) -> Self {
        self.settings.issuer_variant = variant;
        self
    }

    /// Whether MCP is enabled on this environment (MCP -> Enable MCP). If not, the metadata is `404`.
    pub fn mcp_enabled(mut self, enabled: bool) -> Self {
        self.settings.mcp_enabled = enabled;
        self
    }

    /// Whether applications can register themselves (Dynamic Client Registration). Default: yes.
    pub fn registration(mut self, enabled: bool) -> Self {
        self.settings.registration = enabled;
        self
    }

    /// Whether a client id may be the https address of a client ID metadata document. Default: no, as at
    /// PropelAuth today.
    pub fn client_id_metadata_documents(mut self, enabled: bool) -> Self {
        self.settings.client_id_metadata_documents = enabled;
        self
    }

    /// Whether authorization responses carry `iss` (RFC 9207). Default: no; PropelAuth's documents do not
    /// announce it.
    pub fn iss_parameter(mut self, enabled: bool) -> Self {
        self.settings.iss_parameter = enabled;
        self
    }

    /// Whether people may untick scopes on the consent page. Default: yes.
    pub fn optional_scopes(mut self, enabled: bool) -> Self {
        self.settings.optional_scopes = enabled;
        self
    }

    /// The redirect URIs that clients may register (MCP -> Allowed MCP Clients); a loopback address allows every
    /// port. Default: all that are safe.
    pub fn allowed_redirect_uris<S: Into<String>>(mut self, uris: impl IntoIterator<Item = S>) -> Self {
        self.settings.allowed_redirect_uris = Some(uris.into_iter().map(Into::into).collect());
        self
    }

    /// How long an access token lives, in whole seconds. Default: one hour.
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.access_token_lifetime = lifetime.as_secs();
        self
    }

    /// How long a refresh token can go unused, in whole seconds. Default: thirty days.
    pub fn refresh_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.refresh_token_lifetime = lifetime.as_secs();
        self
    }

    /// How long an authorization code lives, in whole seconds. Default: five minutes.
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.code_lifetime = lifetime.as_secs();
        self
    }

    /// Issues tokens for resources that are not on this machine.
    ///
    /// What this gives up: anybody who reaches this tenant can log in as anybody, so a server beyond
    /// loopback that trusts it is open to every user of this machine.
    pub fn dangerously_allow_remote_resources(mut self) -> Self {
        self.settings.resources = ResourcePolicy::Anywhere;
        self
    }

    /// Binds and serves until the handle is dropped or [shut down](DevTenant::shutdown).
    ///
    /// # Errors
    ///
    /// [`BindError`] if the address is beyond loopback or cannot be bound.
    pub async fn start(self) -> Result<DevTenant, BindError> {
        if !self.bind.ip().is_loopback() {
            return Err(BindError::BeyondLoopback(self.bind));
        }
        let failed = |source| BindError::Io {
            address: self.bind,
            source,
        };
        let listener = TcpListener::bind(self.bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let auth_url = format!("http://{address}");
        let tenant = Arc::new(Tenant::new(self.config, self.settings, auth_url));
        let router = http::router(Arc::clone(&tenant));
        let stop = tenant.shutdown.clone();
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the development tenant stopped serving");
            }
        });
        Ok(DevTenant {
            tenant,
            address,
            task: Some(task),
        })
    }
}

/// Why a tenant did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// An address that others can reach.
    #[error(
        "the development tenant does not bind to {0}: it lets anybody log in as anybody, so it listens on \
         loopback only; use 127.0.0.1 or [::1]"
    )]
    BeyondLoopback(SocketAddr),
    /// The operating system refused.
    #[error(
        "the development tenant cannot listen on {address}: {source}; choose another port, or 0 for any free one"
    )]
    Io {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
}

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
    /// Configures a tenant.
    pub fn builder(config: TenantConfig) -> DevTenantBuilder {
        DevTenantBuilder {
            config,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            settings: Settings::default(),
        }
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
        &self.tenant.introspection_client_id
    }

    /// What goes into `PROPELAUTH_INTROSPECTION_CLIENT_SECRET`; another one at every start.
    pub fn introspection_client_secret(&self) -> &str {
        &self.tenant.introspection_client_secret
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

    /// Revokes all grants of a person, with all tokens, and answers how many there were.
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
    }
}

impl Drop for DevTenant {
    fn drop(&mut self) {
        self.tenant.shutdown.cancel();
    }
}
