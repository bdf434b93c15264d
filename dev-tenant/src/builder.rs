//! The builder that configures and starts a tenant.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::config::TenantConfig;
use crate::data::TenantData;
use crate::handle::DevTenant;
use crate::http;
use crate::mcp_server::McpServer;
use crate::resource::ResourcePolicy;
use crate::settings::{IssuerVariant, Settings};
use crate::tenant::Tenant;
use crate::webhook::WebhookEndpoint;

impl DevTenant {
    /// Returns a builder for a tenant with these people, roles and scopes.
    pub fn builder(config: TenantConfig) -> DevTenantBuilder {
        DevTenantBuilder {
            config,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            settings: Settings::default(),
            data: None,
            webhook: None,
        }
    }
}

/// Configures and starts a [`DevTenant`]. [`DevTenant::builder`] returns one.
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
    /// Sets the loopback address to listen on. Default: `127.0.0.1` with a free port.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.bind = address;
        self
    }

    /// Sets the variant of the issuer in the metadata. Default: [`IssuerVariant::AtPath`].
    pub fn issuer_variant(mut self, variant: IssuerVariant) -> Self {
        self.settings.issuer_variant = variant;
        self
    }

    /// Sets whether MCP is enabled (in the dashboard: MCP -> Enable MCP). Default: enabled.
    ///
    /// While it is disabled, the metadata is `404 Not Found`.
    pub fn mcp_enabled(mut self, enabled: bool) -> Self {
        self.settings.mcp_enabled = enabled;
        self
    }

    /// Sets whether applications can register themselves (in the dashboard: Dynamic Client Registration). Default:
    /// enabled.
    pub fn registration(mut self, enabled: bool) -> Self {
        self.settings.registration = enabled;
        self
    }

    /// Sets whether a client id can be the https URL of a client ID metadata document. Default: disabled, as in
    /// PropelAuth. [`client_document_hosts`](Self::client_document_hosts) sets the hosts that documents are fetched from.
    pub fn client_id_metadata_documents(mut self, enabled: bool) -> Self {
        self.settings.client_id_metadata_documents = enabled;
        self
    }

    /// Sets the hosts from which client ID metadata documents are fetched, such as `client.example.com` or
    /// `client.example.com:8443`. Default: none, because any website can send a browser here with any URL as the client
    /// id.
    ///
    /// A document is fetched once a person is logged in, without a proxy or redirects, and only from public addresses. For
    /// a client under development, a host can be a loopback address or `localhost`, with its port: `127.0.0.1:3000`. Such
    /// a document can be served with http.
    pub fn client_document_hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.settings.client_document_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether authorization responses have an `iss` parameter (RFC 9207). Default: disabled, because PropelAuth's
    /// metadata does not announce it.
    pub fn iss_parameter(mut self, enabled: bool) -> Self {
        self.settings.iss_parameter = enabled;
        self
    }

    /// Sets whether people can deselect scopes on the consent page. Default: enabled.
    pub fn optional_scopes(mut self, enabled: bool) -> Self {
        self.settings.optional_scopes = enabled;
        self
    }

    /// Sets the redirect URIs that clients can register (in the dashboard: MCP -> Allowed MCP Clients). A loopback URI
    /// allows every port. Default: https, http on loopback, and schemes of applications.
    pub fn allowed_redirect_uris<S: Into<String>>(mut self, uris: impl IntoIterator<Item = S>) -> Self {
        self.settings.allowed_redirect_uris = Some(uris.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the lifetime of access tokens, in whole seconds. Default: one hour.
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.access_token_lifetime = lifetime.as_secs();
        self
    }

    /// Sets the lifetime of refresh tokens, in whole seconds. Each use issues a new one. Default: 30 days.
    pub fn refresh_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.refresh_token_lifetime = lifetime.as_secs();
        self
    }

    /// Sets the lifetime of authorization codes, in whole seconds. Default: five minutes.
    pub fn code_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.code_lifetime = lifetime.as_secs();
        self
    }

    /// Stores the state in a file. Default: the state is in memory and is lost when the tenant stops.
    pub fn data(mut self, data: TenantData) -> Self {
        self.data = Some(data);
        self
    }

    /// Names an MCP server that uses the tenant. The consent page and the admin page show its name. Default: none, so that
    /// the consent page shows the name in the metadata of the server (RFC 9728), if it has one.
    ///
    /// Each call adds a server.
    pub fn mcp_server(mut self, server: McpServer) -> Self {
        self.settings.mcp_servers.push(server);
        self
    }

    /// Sends a signed webhook for every change to a person, as PropelAuth does. Default: no webhooks.
    pub fn webhook(mut self, endpoint: WebhookEndpoint) -> Self {
        self.webhook = Some(endpoint);
        self
    }

    /// Issues tokens for resources that are not on loopback.
    ///
    /// A remote server that trusts this tenant is then open to every user of this machine, because the tenant asks for
    /// no password.
    pub fn dangerously_allow_remote_resources(mut self) -> Self {
        self.settings.resources = ResourcePolicy::Any;
        self
    }

    /// Binds the address and serves until the handle is dropped or [shut down](DevTenant::shutdown).
    ///
    /// # Errors
    ///
    /// [`BindError`] if the address is not on loopback, is in use, or cannot be bound.
    pub async fn start(self) -> Result<DevTenant, BindError> {
        if !self.bind.ip().is_loopback() {
            return Err(BindError::NotLoopback(self.bind));
        }
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(self.bind),
            _ => BindError::Io { address: self.bind, source },
        };
        let listener = TcpListener::bind(self.bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let auth_url = format!("http://{address}");
        let tenant = Arc::new(Tenant::new(self.config, self.settings, auth_url, self.data, self.webhook));
        let router = http::router(Arc::clone(&tenant));
        let shutdown = tenant.shutdown.clone();
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the development tenant stopped serving");
            }
        });
        Ok(DevTenant::new(tenant, address, task))
    }
}

/// Reasons why a tenant did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address is not on loopback.
    #[error(
        "the development tenant cannot bind to {0}: it asks for no password, so it listens on loopback only; use \
         127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// Another program listens on the address.
    #[error(
        "the development tenant cannot listen on {0}: another program does, such as an earlier development tenant; stop \
         it, or choose another port"
    )]
    InUse(SocketAddr),
    /// The operating system rejected the address.
    #[error(
        "the development tenant cannot listen on {address}: {source}; choose another port, or 0 for any free one"
    )]
    Io {
        /// The configured address.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
}
