//! The development tenant of a server, in the same process.

mod banner;
mod printed_tokens;
mod toml_file;

use std::{
    fs::{self, DirBuilder},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use toolgate_dev_tenant::{BindError, DevTenant, McpServer, TenantData, WebhookEndpoint};
use url::Url;

use self::{
    banner::{Banner, TokenSource},
    printed_tokens::PrintedTokens,
    toml_file::LoadedConfig,
};
use super::{ConfiguredPropelAuth, OrPropelAuth, StartError, TenantToml};
use crate::{
    PropelAuth, TokenValidator as _,
    auth::{ProvidedAuth, ServerDescription, ValidatorTexts},
    propelauth::{PropelAuthApiKeys, WEBHOOK_PATH},
    url::is_loopback,
};

/// Difference between the port of a server and that of its tenant.
const PORT_DISTANCE: u16 = 90;

/// Default folder of the data.
const DATA_FOLDER: &str = ".toolgate";

/// Files of a server and its tenant.
struct DataFiles {
    tenant: PathBuf,
    /// The tokens that were printed.
    tokens: PathBuf,
}

/// Rejects an address that other machines can reach.
pub(super) fn check(bind: SocketAddr) -> Result<(), StartError> {
    if bind.ip().is_loopback() { Ok(()) } else { Err(StartError::BeyondLoopback { address: bind }) }
}

/// Starts the tenant and returns its validator.
pub(super) async fn start(settings: OrPropelAuth, server: &ServerDescription) -> Result<ProvidedAuth, StartError> {
    check(server.bind)?;
    if !Url::parse(&server.endpoint).is_ok_and(|url| is_loopback(&url)) {
        return Err(StartError::RemoteServerUrl { endpoint: server.endpoint.clone() });
    }
    let LoadedConfig { config, remarks } = settings.tenant_toml.load(server)?;
    let address = settings.tenant_address(server);
    let name = server.title.as_ref().unwrap_or(&server.name);
    // The tenant and the server start and stop together, so the secret need not be stored.
    let scheme = if server.has_tls { "https" } else { "http" };
    let webhook = WebhookEndpoint::with_random_secret(&format!("{scheme}://{}{WEBHOOK_PATH}", server.address));
    let webhook = webhook.map_err(other)?;
    let secret = webhook.secret().to_owned();
    let mut builder = DevTenant::builder(config)
        .bind(address)
        .mcp_server(McpServer::new(name, &server.endpoint).map_err(other)?)
        .webhook(webhook);
    let files = settings.data_files(server)?;
    if let Some(files) = &files {
        builder = builder.data(TenantData::open(&files.tenant).map_err(other)?);
    }
    let tenant = builder.start().await.map_err(|error| match error {
        BindError::InUse(address) => StartError::TenantPortInUse { address },
        error => other(error),
    })?;
    let auth =
        PropelAuth::new(tenant.auth_url(), tenant.introspection_client_id(), tenant.introspection_client_secret())
            .and_then(|auth| auth.webhook_secret(secret.clone()))
            .map_err(other)?
            .with_texts(texts());
    let api_keys = PropelAuthApiKeys::new(tenant.auth_url(), tenant.backend_api_key())
        .and_then(|keys| keys.webhook_secret(secret))
        .map_err(other)?
        .with_texts(texts());
    let tokens = PrintedTokens::load(files.map(|files| files.tokens));
    let tokens = tokens.for_roles(&tenant, &auth, &server.endpoint).await.map_err(other)?;
    let source = TokenSource::Tenant { tenant: &tenant, remarks, tokens };
    let banner = Banner { server, source }.to_string();
    Ok(ProvidedAuth::new(auth.or(api_keys)).startup_text(banner).on_shutdown(tenant.shutdown()))
}

/// Returns PropelAuth, with a start-up text for the developer.
pub(super) fn instead_of_tenant(configured: ConfiguredPropelAuth, server: &ServerDescription) -> ProvidedAuth {
    let source =
        TokenSource::PropelAuth { auth_url: configured.auth.auth_url(), has_api_keys: configured.api_keys.is_some() };
    let banner = Banner { server, source }.to_string();
    ProvidedAuth::new(configured.into_validators()).startup_text(banner)
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> StartError {
    StartError::Tenant(Box::new(error))
}

fn texts() -> ValidatorTexts {
    ValidatorTexts {
        name: "the development tenant".into(),
        add_scopes: "add them to tenant.toml, under [[scopes]] and to the roles that may grant them".into(),
        ..ValidatorTexts::default()
    }
}

impl OrPropelAuth {
    fn tenant_address(&self, server: &ServerDescription) -> SocketAddr {
        let port = self.tenant_port.unwrap_or_else(|| match server.bind.port() {
            0 => 0,
            port => port.checked_add(PORT_DISTANCE).unwrap_or(port - PORT_DISTANCE),
        });
        SocketAddr::new(server.address.ip(), port)
    }

    /// Returns the files of the data, in a folder that exists.
    fn data_files(&self, server: &ServerDescription) -> Result<Option<DataFiles>, StartError> {
        if server.bind.port() == 0 {
            return Ok(None);
        }
        let folder = self.data_folder.clone().unwrap_or_else(|| match &self.tenant_toml {
            TenantToml::File(path) => path.with_file_name(DATA_FOLDER),
            TenantToml::Text(_) => DATA_FOLDER.into(),
        });
        create_private_folder(&folder).map_err(|source| StartError::DataFolder { path: folder.clone(), source })?;
        let port = server.bind.port();
        Ok(Some(DataFiles {
            tenant: folder.join(format!("tenant-{port}.jsonl")),
            tokens: folder.join(format!("tokens-{port}.json")),
        }))
    }
}

/// Creates a folder that only its owner can read and that Git ignores, unless it exists.
fn create_private_folder(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let ignored = folder.join(".gitignore");
    if ignored.exists() { Ok(()) } else { fs::write(ignored, "*\n") }
}
