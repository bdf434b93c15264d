//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use toolgate_dev_tenant::{
    BindError, ConfigError, DataError, DevTenant, IssuerVariant, TenantConfig, TenantData, WebhookEndpoint,
    WebhookError,
};

/// A PropelAuth tenant on a laptop: log-in, consent and tokens for MCP servers under development.
///
/// Prints the three PROPELAUTH_* variables that a server needs, and serves until Ctrl-C. Anybody can log in as
/// anybody, so it listens on loopback only.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    /// The loopback address to listen on; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090", env = "TENANT_BIND_ADDR")]
    bind: SocketAddr,
    /// People, roles and scopes. Without it: a sample company.
    #[arg(long, value_name = "FILE")]
    tenant: Option<PathBuf>,
    /// File that stores clients, tokens and changes to people, such as tenant.jsonl. Default: in memory only.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    #[command(flatten)]
    webhook: WebhookArgs,
    #[command(flatten)]
    dashboard: DashboardArgs,
    /// Issue tokens for resources beyond this machine. This gives up that nobody else can use them: who reaches this
    /// tenant can log in as anybody at a server that trusts it.
    #[arg(long)]
    dangerously_allow_remote_resources: bool,
}

/// Webhooks need both or none.
#[derive(Debug, Args)]
struct WebhookArgs {
    /// Send a webhook for every change to a person to this address.
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// Sign webhooks with this secret (whsec_ and base64).
    #[arg(
        long,
        value_name = "SECRET",
        requires = "webhook_url",
        env = "TENANT_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    webhook_secret: Option<String>,
}

/// What PropelAuth's dashboard would set.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct DashboardArgs {
    /// Which issuer the metadata carries; PropelAuth's tenants differ.
    #[arg(long, value_enum, default_value_t = Variant::AtPath)]
    issuer_variant: Variant,
    /// Applications cannot register themselves.
    #[arg(long)]
    no_registration: bool,
    /// Put `iss` into authorization responses (RFC 9207).
    #[arg(long, overrides_with = "no_iss_parameter")]
    iss_parameter: bool,
    /// Leave `iss` out of authorization responses. This is the default.
    #[arg(long)]
    no_iss_parameter: bool,
    /// Accept the https address of a client ID metadata document as a client id.
    #[arg(long)]
    client_id_metadata_documents: bool,
    /// A redirect URI that clients may register; may be given several times. Without it: all that are safe.
    #[arg(long = "allowed-redirect-uri", value_name = "URI")]
    allowed_redirect_uris: Vec<String>,
    /// People cannot untick scopes on the consent page.
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

/// Why the tenant did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{path} cannot be read: {source}; check --tenant", path = path.display())]
    TenantFile { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl Cli {
    /// Starts the tenant that the command line describes.
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
            .optional_scopes(!dashboard.all_or_nothing_consent);
        if !dashboard.allowed_redirect_uris.is_empty() {
            builder = builder.allowed_redirect_uris(dashboard.allowed_redirect_uris);
        }
        if self.dangerously_allow_remote_resources {
            builder = builder.dangerously_allow_remote_resources();
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
