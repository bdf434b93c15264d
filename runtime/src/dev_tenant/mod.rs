//! A login for a server on your own machine, without an account.
//!
//! The module exists with the feature `dev-tenant`. [`or_propelauth`] turns any server into one with a login in the
//! browser: with PropelAuth if it is configured, and otherwise with a development tenant, which replaces PropelAuth and
//! runs in the process of the server.
//!
//! ```no_run
//! use toolgate::{dev_tenant, prelude::*};
//!
//! pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);
//!
//! /// Read a ticket.
//! #[tool(scopes = "tickets:read", read_only)]
//! async fn ticket(ticket_id: String) -> String {
//!     format!("{ticket_id} is open")
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), toolgate::Error> {
//!     Server::new("Tickets", &SCOPES).auth_from(dev_tenant::or_propelauth("tenant.toml")).serve().await
//! }
//! ```
//!
//! If a required variable of [`PropelAuth::from_env`] is set, PropelAuth validates the tokens. If only some of them are
//! set, the server does not start. With `PROPELAUTH_API_KEY`, PropelAuth also validates the API keys of machines
//! ([`PropelAuthApiKeys`]). If none is set, the tenant starts:
//!
//! - **People, roles and scopes** are in `tenant.toml`. If the file does not exist, it is written from the scopes of the
//!   server. An existing file is never changed.
//! - **The server prints** its MCP URL, how to connect each client, the admin page of the tenant, and a token for each
//!   role.
//! - **API keys** for callers without a browser are declared in `tenant.toml`, or created on the admin page and with its
//!   API.
//! - **The port** of the tenant is the server's plus 90, so that clients find the tenant again:
//!   `http://127.0.0.1:8090` for a server on port 8000. See [`tenant_port`](OrPropelAuth::tenant_port).
//! - **Registered clients, logins and tokens** survive a restart. They are in the folder `.toolgate` beside `tenant.toml`,
//!   in a file that only its owner can read. See [`data_folder`](OrPropelAuth::data_folder).
//! - **Changes on the admin page** apply to the next request, because the tenant sends its webhooks to the server.
//!
//! # Not in production
//!
//! The tenant asks for no password. A server that uses it listens on loopback only, and its `SERVER_URL` is on loopback.
//!
//! A build without debug assertions, such as `cargo build --release`, contains no tenant: [`or_propelauth`] then accepts
//! PropelAuth only.

mod error;
#[cfg_attr(not(debug_assertions), path = "no_tenant.rs")]
mod tenant;

use std::{net::SocketAddr, path::PathBuf};

use async_trait::async_trait;

pub use self::error::StartError;
use crate::{
    PropelAuth, TokenValidator as _,
    auth::{AuthProvider, IntoValidators as _, ProvidedAuth, ProviderError, ServerDescription, Validators},
    propelauth::{ConfigError, PropelAuthApiKeys, Variable},
};

/// Returns the provider for [`Server::auth_from`](crate::Server::auth_from): PropelAuth if its variables are set, and
/// otherwise a development tenant with the people, roles and scopes of the file `tenant_toml`, such as `tenant.toml`.
///
/// A relative path starts in the current folder. If the file does not exist, it is written from the scopes of the server.
pub fn or_propelauth(tenant_toml: impl Into<PathBuf>) -> OrPropelAuth {
    OrPropelAuth::new(TenantToml::File(tenant_toml.into()))
}

/// Returns the provider of [`or_propelauth`] for a `tenant.toml` that is compiled into the program:
/// `or_propelauth_with(include_str!("../tenant.toml"))`.
pub fn or_propelauth_with(tenant_toml: &'static str) -> OrPropelAuth {
    OrPropelAuth::new(TenantToml::Text(tenant_toml))
}

/// Provides PropelAuth or a development tenant. [`or_propelauth`] returns one, and the [module](self) describes it.
#[derive(Clone, Debug)]
#[must_use = "pass it to `Server::auth_from`"]
#[cfg_attr(not(debug_assertions), allow(dead_code, reason = "a release build has no tenant"))]
pub struct OrPropelAuth {
    tenant_toml: TenantToml,
    tenant_port: Option<u16>,
    data_folder: Option<PathBuf>,
}

/// Where the people, roles and scopes come from.
#[derive(Clone, Debug)]
#[cfg_attr(not(debug_assertions), allow(dead_code, reason = "a release build has no tenant"))]
enum TenantToml {
    File(PathBuf),
    Text(&'static str),
}

impl OrPropelAuth {
    fn new(tenant_toml: TenantToml) -> Self {
        Self { tenant_toml, tenant_port: None, data_folder: None }
    }

    /// Sets the port of the tenant. Default: the server's port plus 90, or minus 90 if there is no such port. If the
    /// server is configured with port 0, any free port.
    pub fn tenant_port(mut self, port: u16) -> Self {
        self.tenant_port = Some(port);
        self
    }

    /// Sets the folder of the tenant's data, which is created if it does not exist. Default: `.toolgate` in the folder of
    /// `tenant.toml`, or in the current folder if `tenant.toml` is compiled in.
    ///
    /// Each port of a server has its own file there, such as `tenant-8000.jsonl`. A server that is configured with port 0
    /// stores nothing, because clients could not find it again.
    pub fn data_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_folder = Some(folder.into());
        self
    }
}

#[async_trait]
impl AuthProvider for OrPropelAuth {
    fn check(&self, bind: SocketAddr) -> Result<(), ProviderError> {
        if configured_propelauth()?.is_none() {
            tenant::check(bind)?;
        }
        Ok(())
    }

    fn external(&self) -> Result<Option<Validators>, ProviderError> {
        Ok(configured_propelauth()?.map(ConfiguredPropelAuth::into_validators))
    }

    async fn provide(self: Box<Self>, server: &ServerDescription) -> Result<ProvidedAuth, ProviderError> {
        let Some(auth) = configured_propelauth()? else { return Ok(tenant::start(*self, server).await?) };
        Ok(tenant::instead_of_tenant(auth, server))
    }
}

/// The validators that the environment configures.
struct ConfiguredPropelAuth {
    auth: PropelAuth,
    api_keys: Option<PropelAuthApiKeys>,
}

/// Returns `None` if none of the required variables is set.
fn configured_propelauth() -> Result<Option<ConfiguredPropelAuth>, StartError> {
    let auth = match PropelAuth::from_env() {
        Ok(auth) => Ok(auth),
        // The key of the backend integration alone is an incomplete configuration, too.
        Err(ConfigError::Missing(missing)) if missing.len() == Variable::REQUIRED.len() => {
            match PropelAuthApiKeys::from_env_if_set() {
                Ok(None) => return Ok(None),
                Err(error) if !matches!(error, ConfigError::Missing(_)) => Err(error),
                _ => Err(ConfigError::Missing(missing)),
            }
        }
        Err(error) => Err(error),
    };
    let auth = auth.map_err(StartError::PropelAuth)?;
    let api_keys = PropelAuthApiKeys::from_env_if_set().map_err(StartError::PropelAuth)?;
    Ok(Some(ConfiguredPropelAuth { auth, api_keys }))
}

impl ConfiguredPropelAuth {
    fn into_validators(self) -> Validators {
        match self.api_keys {
            Some(api_keys) => self.auth.or(api_keys),
            None => self.auth.into_validators(),
        }
    }
}
