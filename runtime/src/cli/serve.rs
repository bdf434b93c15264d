//! `serve`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{Error, app::read};
use crate::server::Server;

/// Options of `serve`.
#[derive(Args, Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServeOptions {
    /// The address and port to listen on [default: 127.0.0.1:8000]
    #[arg(long, env = "BIND_ADDR", value_name = "IP:PORT")]
    pub bind: Option<SocketAddr>,

    /// The public URL of the server, without the path of the endpoint
    ///
    /// Clients connect to this URL, and tokens must be issued for it. On a loopback address it defaults to `http://` and
    /// that address. On any other address it is required.
    #[arg(long, env = "SERVER_URL", value_name = "URL")]
    pub server_url: Option<String>,

    /// Exit if tokens cannot be validated at startup
    #[arg(long)]
    pub require_preflight: bool,

    /// Exit if the policy differs from this lock file, which was reviewed
    #[arg(long, env = "POLICY_LOCK", value_name = "FILE")]
    pub policy_lock: Option<PathBuf>,
}

impl ServeOptions {
    /// Applies the options to a server.
    ///
    /// # Errors
    ///
    /// The lock file cannot be read.
    pub fn apply(&self, mut server: Server) -> Result<Server, Error> {
        if let Some(address) = self.bind {
            server = server.bind(address);
        }
        if let Some(url) = self.server_url.as_deref().filter(|url| !url.trim().is_empty()) {
            server = server.server_url(url);
        }
        if self.require_preflight {
            server = server.require_preflight();
        }
        if let Some(path) = &self.policy_lock {
            server = server.policy_lock(read(path)?);
        }
        Ok(server)
    }
}
