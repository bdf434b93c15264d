//! Reasons why a server with a provider of this module does not start.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use crate::propelauth::{ConfigError, Variable};

/// Reason why neither PropelAuth nor a development tenant can be used. Its text says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Some variables of PropelAuth are set, and others are missing or invalid.
    #[error("{0}; or unset every PROPELAUTH_* variable to use the development tenant")]
    PropelAuth(ConfigError),
    /// No variable of PropelAuth is set, and this build contains no tenant.
    #[error(
        "{0}. This program has no development tenant, because it was built without debug assertions (`--release`)"
    )]
    NoTenant(ConfigError),
    /// Other machines can reach the address of the server.
    #[error(
        "cannot listen on {address} with the development tenant, because other machines can reach that address and any \
         user can log in as any person; set {RequiredVariables}, or listen on 127.0.0.1"
    )]
    BeyondLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The tenant issues tokens only for URLs on this machine.
    #[error(
        "SERVER_URL is not on this machine, so the development tenant cannot issue tokens for {endpoint}; set \
         {RequiredVariables}, or unset SERVER_URL"
    )]
    RemoteServerUrl {
        /// The URL that tokens would be issued for.
        endpoint: String,
    },
    /// The file with people, roles and scopes can be neither read nor written.
    #[error("cannot {action} {}: {source}; check the path that is passed to `or_propelauth`", .path.display())]
    TenantToml {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The folder of the tenant's data cannot be created.
    #[error(
        "cannot create the folder {} for the data of the development tenant: {source}; choose another one with \
         `data_folder`",
        .path.display()
    )]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another program uses the port of the tenant.
    #[error(
        "the development tenant cannot listen on {address}, because another program does: stop that program, such as \
         another development tenant, choose another port for the tenant with `tenant_port`, or choose another port for \
         the server, from which that of the tenant derives"
    )]
    TenantPortInUse {
        /// The address of the tenant.
        address: SocketAddr,
    },
    /// The tenant rejects its configuration or its data.
    #[error(transparent)]
    Tenant(Box<dyn std::error::Error + Send + Sync>),
}

/// The names of the variables that configure PropelAuth.
struct RequiredVariables;

impl fmt::Display for RequiredVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Variable::REQUIRED.map(Variable::name).join(", "))
    }
}
