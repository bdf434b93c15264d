//! Configuring and starting a tenant.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::config::TenantConfig;
use crate::data::TenantData;
use crate::handle::DevTenant;
use crate::http;
use crate::resource::ResourcePolicy;
use crate::settings::{IssuerVariant, Settings};
use crate::tenant::Tenant;
use crate::webhook::WebhookEndpoint;

/// Configures a [`DevTenant`]; made by [`DevTenant::builder`].
#[derive(Debug)]
#[must_use]
pub struct DevTenantBuilder {
    config: TenantConfig,
    bind: SocketAddr,
    settings: Settings,
    data: Option<TenantData>,
    webhook: Option<WebhookEndpoint>,
}

impl DevTenantBuilder {
    pub(crate) fn new(config: TenantConfig) -> Self {
        Self {
            config,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            settings: Settings::default(),
            data: None,
            webhook: None,
        }
    }

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

    /// Keeps the state in a file instead of in memory.
    pub fn data(mut self, data: TenantData) -> Self {
        self.data = Some(data);
        self
    }

    /// Sends a signed webhook for every change to a person, as PropelAuth does.
    pub fn webhook(mut self, endpoint: WebhookEndpoint) -> Self {
        self.webhook = Some(endpoint);
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
        let failed = |source| BindError::Io { address: self.bind, source };
        let listener = TcpListener::bind(self.bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let auth_url = format!("http://{address}");
        let tenant = Arc::new(Tenant::new(self.config, self.settings, auth_url, self.data, self.webhook));
        let router = http::router(Arc::clone(&tenant));
        let stop = tenant.shutdown.clone();
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the development tenant stopped serving");
            }
        });
        Ok(DevTenant::new(tenant, address, task))
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
