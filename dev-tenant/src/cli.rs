//! Command line arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use toolgate_dev_tenant::{
    BindError, ConfigError, DataError, DevTenant, IssuerVariant, McpServer, ResourceError, TenantConfig, TenantData,
    WebhookEndpoint, WebhookError,
};

/// Runs an authorization server that behaves like PropelAuth, for MCP servers under development.
///
/// Prints the PROPELAUTH_* variables that a server needs, and serves until Ctrl-C. Login asks for no password, so
/// the tenant listens on loopback only.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    /// Loopback address to listen on. Port 0 selects a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090", env = "TENANT_BIND_ADDR")]
    bind: SocketAddr,
    /// File with people, roles and scopes (tenant.toml). Default: a sample company.
    #[arg(long, value_name = "FILE")]
    tenant: Option<PathBuf>,
    /// File that stores clients, tokens and changes to people, such as tenant.jsonl. Default: in memory only.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// URL of an MCP server that uses the tenant; repeatable. The admin page links to it and creates tokens for it.
    #[arg(long = "mcp-server", value_name = "URL")]
    mcp_servers: Vec<String>,
    #[command(flatten)]
    webhook: WebhookArgs,
    #[command(flatten)]
    dashboard: DashboardArgs,
    /// Issue tokens for resources that are not on this machine. A remote server that trusts this tenant is then open to
    /// every user of this machine.
    #[arg(long)]
    dangerously_allow_remote_resources: bool,
}

/// Arguments for webhooks. They require each other.
#[derive(Debug, Args)]
struct WebhookArgs {
    /// URL that receives a webhook for every change to a person.
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// Secret that signs the webhooks: `whsec_` followed by base64.
    #[arg(
        long,
        value_name = "SECRET",
        requires = "webhook_url",
        env = "TENANT_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,
}

/// Settings that PropelAuth has in its dashboard.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag")]
struct DashboardArgs {
    /// Issuer in the metadata. The tenants of PropelAuth differ.
    #[arg(long, value_enum, default_value_t = Variant::AtPath)]
    issuer_variant: Variant,
    /// Disable dynamic client registration.
    #[arg(long)]
    no_registration: bool,
    /// Add `iss` to authorization responses (RFC 9207).
    #[arg(long, overrides_with = "no_iss_parameter")]
    iss_parameter: bool,
    /// Omit `iss` from authorization responses. This is the default.
    #[arg(long)]
    no_iss_parameter: bool,
    /// Accept the https URL of a client ID metadata document as a client id.
    #[arg(long)]
    client_id_metadata_documents: bool,
    /// Host from which client ID metadata documents are fetched, such as `client.example.com`, or `127.0.0.1:3000` for a
    /// client under development; repeatable. Default: none.
    #[arg(long = "client-document-host", value_name = "HOST", requires = "client_id_metadata_documents")]
    client_document_hosts: Vec<String>,
    /// Redirect URI that clients can register; repeatable. Default: https, http on loopback, and schemes of
    /// applications.
    #[arg(long = "allowed-redirect-uri", value_name = "URI")]
    allowed_redirect_uris: Vec<String>,
    /// Do not let people deselect scopes on the consent page.
    #[arg(long)]
    all_or_nothing_consent: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Variant {
    /// `AUTH_URL/oauth/2.1`
    AtPath,
    /// `AUTH_URL`
    AtRoot,
}

/// Reasons why the tenant did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot read {path}: {source}; check --tenant", path = path.display())]
    TenantFile { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("{0}; check --mcp-server")]
    McpServer(#[from] ResourceError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl Cli {
    /// Starts the tenant.
    pub(crate) async fn start(self) -> Result<DevTenant, StartError> {
        let config = match self.tenant {
            None => TenantConfig::sample(),
            Some(path) => match std::fs::read_to_string(&path) {
                Ok(text) => TenantConfig::from_toml(&text)?,
                Err(source) => return Err(StartError::TenantFile { path, source }),
            },
        };
        let dashboard = self.dashboard;
        let mut builder = DevTenant::builder(config)
            .bind(self.bind)
            .issuer_variant(match dashboard.issuer_variant {
                Variant::AtPath => IssuerVariant::AtPath,
                Variant::AtRoot => IssuerVariant::AtRoot,
            })
            .registration(!dashboard.no_registration)
            .iss_parameter(dashboard.iss_parameter)
            .client_id_metadata_documents(dashboard.client_id_metadata_documents)
            .client_document_hosts(dashboard.client_document_hosts)
            .optional_scopes(!dashboard.all_or_nothing_consent);
        if !dashboard.allowed_redirect_uris.is_empty() {
            builder = builder.allowed_redirect_uris(dashboard.allowed_redirect_uris);
        }
        if self.dangerously_allow_remote_resources {
            builder = builder.dangerously_allow_remote_resources();
        }
        for url in self.mcp_servers {
            // The name is that of the server's metadata.
            builder = builder.mcp_server(McpServer::new("", url)?);
        }
        if let (Some(url), Some(secret)) = (self.webhook.webhook_url, self.webhook.webhook_secret) {
            builder = builder.webhook(WebhookEndpoint::new(&url, &secret)?);
        }
        if let Some(path) = self.data {
            builder = builder.data(TenantData::open(path)?);
        }
        Ok(builder.start().await?)
    }
}
