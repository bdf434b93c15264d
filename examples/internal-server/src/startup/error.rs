use std::io;
use std::net::SocketAddr;

use toolgate::propelauth::{self, Variable};
use toolgate_dev_tenant::{BindError, MintError};

use crate::company::OpenError;
use crate::repository::RepositoryError;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or the address is not one of this machine.
    #[error("cannot listen on {address} ({source}); choose another address or port with --bind")]
    Listen {
        /// Where the server was to listen.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Some, but not all, of the variables of PropelAuth are set, or one has a wrong value.
    #[error("{0}; or unset every PROPELAUTH_* variable to use the development tenant")]
    PropelAuth(propelauth::ConfigError),
    /// Without PropelAuth, the server would be open to the network.
    #[error(
        "without PropelAuth the server does not listen on {address}, where other machines can reach it: the development \
         tenant lets anybody in as anybody; set {}, or listen on 127.0.0.1",
        variables()
    )]
    DevTenantBeyondLoopback {
        /// Where the server was to listen.
        address: SocketAddr,
    },
    /// The company's data cannot be opened.
    #[error(transparent)]
    Company(#[from] OpenError),
    /// The repository's folder cannot be opened.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// `tenant.toml` is no tenant.
    #[error(transparent)]
    TenantConfig(#[from] toolgate_dev_tenant::ConfigError),
    /// The development tenant cannot listen.
    #[error(transparent)]
    Tenant(#[from] BindError),
    /// The development tenant issues tokens for this machine only.
    #[error(
        "SERVER_URL is not on this machine, so the development tenant issues no tokens for {resource}; set {}, or \
         unset SERVER_URL",
        variables()
    )]
    DevTenantRemoteResource {
        /// The URL that tokens would have to be issued for.
        resource: String,
    },
    /// The development tenant issues no token.
    #[error("the development tenant issues no token: {0}")]
    Mint(#[from] MintError),
    /// The server cannot be put together, or stopped serving.
    #[error(transparent)]
    Server(#[from] toolgate::Error),
    /// The scope table cannot be written as JSON.
    #[error("cannot write the scope table: {0}")]
    ScopeTable(#[from] serde_json::Error),
}

impl From<toolgate::BuildError> for StartError {
    fn from(error: toolgate::BuildError) -> Self {
        Self::Server(error.into())
    }
}

fn variables() -> String {
    Variable::ALL.map(Variable::name).join(", ")
}
