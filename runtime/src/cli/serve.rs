//! `serve`.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;

use super::Error;
use crate::{server::Server, settings::parse_address};

/// Options of `serve`.
#[derive(Args, Clone, Debug, Default)]
#[non_exhaustive]
#[allow(clippy::doc_markdown, reason = "clap prints the documentation of the fields")]
pub struct ServeOptions {
    /// A TOML file with settings; see docs/configuration.md [env: TOOLGATE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The address and port to listen on, such as localhost:8000, or :8000 for all interfaces [env: BIND_ADDR] [default:
    /// 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_bind)]
    pub bind: Option<SocketAddr>,

    /// The public URL of the server, without the path of the endpoint [env: SERVER_URL]
    ///
    /// Clients connect to this URL, and tokens must be issued for it. On a loopback address it defaults to `http://` and
    /// that address. On any other address it is required.
    #[arg(long, value_name = "URL")]
    pub server_url: Option<String>,

    /// Exit if tokens cannot be validated at startup
    #[arg(long)]
    pub require_preflight: bool,

    /// Exit if the policy differs from this lock file, which was reviewed [env: POLICY_LOCK]
    #[arg(long, value_name = "FILE")]
    pub policy_lock: Option<PathBuf>,
}

impl ServeOptions {
    /// Applies the options to a server. They take precedence over the configuration file and the environment.
    ///
    /// # Errors
    ///
    /// The path of the lock file is not UTF-8. The files are read when the server is built, and the configuration file also
    /// by [`Server::settings`](crate::Server::settings).
    pub fn apply(&self, mut server: Server) -> Result<Server, Error> {
        if let Some(path) = &self.config {
            server.set_config_file(path.clone(), "--config");
        }
        if let Some(address) = self.bind {
            server = server.option("http.bind", "--bind", &address.to_string());
        }
        if let Some(url) = self.server_url.as_deref().filter(|url| !url.trim().is_empty()) {
            server = server.option("http.server_url", "--server-url", url);
        }
        if self.require_preflight {
            server = server.option("preflight", "--require-preflight", "required");
        }
        if let Some(path) = &self.policy_lock {
            server = server.option("policy_lock", "--policy-lock", path_text(path)?);
        }
        Ok(server)
    }
}

fn path_text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Read { path: path.to_owned(), source: io::ErrorKind::InvalidFilename.into() })
}

fn parse_bind(text: &str) -> Result<SocketAddr, String> {
    parse_address(text).ok_or_else(|| {
        "expected an address and a port, such as 127.0.0.1:8000, localhost:8000, or :8000 for all interfaces"
            .to_owned()
    })
}
