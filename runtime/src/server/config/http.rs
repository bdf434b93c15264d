//! Settings of the HTTP server.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{super::server_url::ServerUrl, check_minimum};
use crate::{auth::BearerToken, error::BuildProblem, gate::TrustedProxies, settings::value, url::is_loopback};

const DEFAULT_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// Settings of the HTTP server.
///
/// The settings from [`max_header_bytes`](Self::max_header_bytes) on apply when the server listens itself, also with an
/// [app](crate::BuiltServer::with_app). Of them, only [`shutdown_timeout`](Self::shutdown_timeout) and those of the
/// endpoints for metrics and the console apply in an app that serves its routers itself and
/// [starts](crate::BuiltServer::start) the server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Public URL under which clients reach this server, such as `https://mcp.example.com`, without the path of the
    /// endpoint. Default: the address that the server listens on if that is loopback; otherwise it is required.
    pub server_url: Option<String>,
    /// Address to listen on, such as `127.0.0.1:8000`. `localhost:8000` is the same, and `:8000` listens on all IPv4
    /// interfaces. Default: `127.0.0.1:8000`.
    #[serde(with = "value::address")]
    pub bind: Option<SocketAddr>,
    /// Listens on an address that the network can reach although the public URL is a loopback URL, such as in a container
    /// whose port is published on the loopback address of its host. This removes the guarantee that tokens stay on this
    /// machine: a client that can reach the address can use the server over plain HTTP. Default: `false`.
    pub allow_network_access_to_loopback_url: bool,
    /// Path of the MCP endpoint below the public URL, without a slash at the end. Default: `/mcp`.
    pub endpoint_path: String,
    /// Hosts that requests may name in addition to the host of the public URL. Default: none.
    pub allowed_hosts: Vec<String>,
    /// Whether browsers get a page: at the root of the public URL, and as the body of the 401 response of the MCP endpoint
    /// if `Accept` prefers HTML. It shows the title of the server, its MCP URL, how to connect a client, the name of the
    /// authorization server, and whether this server is ready. It needs no token. A router
    /// from [`BuiltServer::into_router`](crate::BuiltServer::into_router) has no page at the root. Nor has a server
    /// that was built without the feature `landing-page`. Default: `true`.
    pub landing_page: bool,
    /// Origins from which browsers may send requests in addition to the origin of the public URL, such as
    /// `https://app.example.com`. Default: none.
    pub allowed_origins: Vec<String>,
    /// Proxies that are trusted to name the client in `X-Forwarded-For`, as addresses or networks such as `10.0.0.0/8`.
    /// The limit on [unknown tokens](super::LimitsConfig::max_unknown_tokens) is shared between clients by their
    /// address; without this setting, all clients of a proxy share one part. Default: none.
    pub trusted_proxies: Vec<String>,
    /// Maximum size of a request body, in bytes. A larger body is rejected with 413. Default: 4 MiB.
    pub max_body_bytes: usize,
    /// Maximum size of a message without the arguments and the input of a call, in bytes. A larger one is rejected
    /// with 413. Default: 64 KiB.
    pub max_message_bytes: usize,
    /// Maximum length of a bearer token, in bytes. A longer token is rejected with 400. At most 64 KiB; the
    /// whole head must fit into [`max_header_bytes`](Self::max_header_bytes). Default: 16 KiB.
    pub max_token_bytes: usize,
    /// Time within which a request body must arrive. A slower body is rejected with 408. Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Maximum size of a request head, in bytes; at least 1024. A larger head is rejected with 431. Default: 32 KiB.
    pub max_header_bytes: usize,
    /// Maximum number of open connections; at least 1. At the limit, an unused connection is closed for each new one: one
    /// of the address with the most connections, and of those the one that has been idle for the longest time. If all
    /// are in use, a new connection is rejected with 503. A connection takes one descriptor and up to 130 KiB. Default:
    /// the soft limit on descriptors (`ulimit -n`) without 256 for other uses, or half of a limit below 512; at most 8192.
    pub max_connections: Option<usize>,
    /// Time within which a request head must arrive, from its first byte, or from the start of a connection. Default: 30
    /// seconds.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time for which a connection may be idle between two requests. It must be longer than that of a proxy or a load
    /// balancer in front of the server, usually 60 seconds: otherwise the server closes a connection on which the proxy is
    /// just sending a request, and the proxy responds with 502. Default: 75 seconds.
    #[serde(with = "humantime_serde")]
    pub keep_alive_timeout: Duration,
    /// Time for which a client may leave data unread before it is disconnected. An idle response stream does not count.
    /// Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// Time for which the server still accepts requests after it was asked to stop. `/readyz` already responds 503, and each
    /// response closes its connection. Set at least a second behind a proxy that reuses connections, because a request that
    /// it sends on a connection which the server is just closing fails, and the time that a load balancer takes to notice
    /// that a replica is not ready. Default: 0.
    #[serde(with = "humantime_serde")]
    pub shutdown_delay: Duration,
    /// Time that requests in flight have to finish when the server shuts down. Then they are aborted, and the log states
    /// their number. Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// File with the certificate of the server and its intermediate certificates in PEM format, for TLS 1.2 and 1.3 on the
    /// listener, which needs the feature `tls` and [`tls_key`](Self::tls_key). The public URL is then an `https` URL. The
    /// file is read again when it changes. Default: none, because a proxy in front of the server terminates TLS.
    pub tls_certificate: Option<PathBuf>,
    /// File with the private key of [`tls_certificate`](Self::tls_certificate) in PEM format, without a password. Default:
    /// none.
    pub tls_key: Option<PathBuf>,
    /// Time between two checks whether the files of TLS have changed. Each check reads both. If they have no valid pair, the
    /// previous certificate stays in use, and the log shows the reason. Default: 10 seconds.
    #[serde(with = "humantime_serde")]
    pub tls_reload_interval: Duration,
    /// Address of the Prometheus endpoint `http://<address>/metrics`, which needs the feature `prometheus`. It has no
    /// authentication, so bind it to loopback or to a private network. It installs the recorder of the process; leave it
    /// out if you install a recorder yourself. Default: none.
    #[serde(with = "value::address")]
    pub metrics_address: Option<SocketAddr>,
    /// Hosts that requests for metrics may name beside IP addresses and the names of loopback, such as the name by
    /// which Prometheus finds the server. A page in a browser can then not read the metrics through a name of its own
    /// site. Default: none.
    pub metrics_hosts: Vec<String>,
    /// Address of the console `http://<address>/`, which needs the feature `console`. It shows the policy, the latest 500
    /// decisions with the IDs of their callers, and a few numbers. It changes nothing, and it has no authentication, so
    /// it must be a loopback address: see
    /// [`expose_console_without_authentication`](Self::expose_console_without_authentication). Default: none.
    #[serde(with = "value::address")]
    pub console_address: Option<SocketAddr>,
    /// Hosts that requests to the console may name in addition to the host of its address, such as the name of a tunnel.
    /// A console on loopback accepts every loopback name. Default: none.
    pub console_hosts: Vec<String>,
    /// Whether the console may have an address that other machines can reach. Any client that can reach it then sees who
    /// called which operation, without authentication. Default: `false`.
    pub expose_console_without_authentication: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            server_url: None,
            bind: None,
            allow_network_access_to_loopback_url: false,
            endpoint_path: "/mcp".to_owned(),
            allowed_hosts: Vec::new(),
            landing_page: true,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_body_bytes: 4 * 1024 * 1024,
            max_message_bytes: 64 * 1024,
            max_token_bytes: 16 * 1024,
            body_timeout: Duration::from_secs(30),
            max_header_bytes: 32 * 1024,
            max_connections: None,
            header_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            shutdown_delay: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(30),
            tls_certificate: None,
            tls_key: None,
            tls_reload_interval: Duration::from_secs(10),
            metrics_address: None,
            metrics_hosts: Vec::new(),
            console_address: None,
            console_hosts: Vec::new(),
            expose_console_without_authentication: false,
        }
    }
}

impl HttpConfig {
    /// Returns the address to listen on: [`bind`](Self::bind), or its default.
    pub fn bind_address(&self) -> SocketAddr {
        self.bind.unwrap_or(DEFAULT_BIND)
    }

    /// Returns the public URL. Without the setting, it is the address that the server listens on.
    pub(crate) fn public_url(&self) -> Result<ServerUrl, BuildProblem> {
        let bind = self.bind_address();
        let url = match &self.server_url {
            Some(text) => self.parse_url(text)?,
            None if bind.ip().is_loopback() => {
                let scheme = if self.has_tls() { "https" } else { "http" };
                self.parse_url(&format!("{scheme}://{bind}"))?
            }
            None => return Err(BuildProblem::MissingServerUrl(bind)),
        };
        if is_loopback(url.url()) && !bind.ip().is_loopback() && !self.allow_network_access_to_loopback_url {
            return Err(BuildProblem::LoopbackServerUrl(bind));
        }
        if self.has_tls() && url.url().scheme() != "https" {
            return Err(BuildProblem::TlsServerUrl(url.base().to_owned()));
        }
        Ok(url)
    }

    pub(crate) fn has_tls(&self) -> bool {
        self.tls_certificate.is_some() && self.tls_key.is_some()
    }

    /// Returns the problems of TLS, except for those of its files.
    fn tls_problem(&self) -> Option<BuildProblem> {
        let (certificate, key) = ("http.tls_certificate", "http.tls_key");
        let (present, missing) = match (&self.tls_certificate, &self.tls_key) {
            (None, None) => return None,
            (Some(_), None) => (certificate, key),
            (None, Some(_)) => (key, certificate),
            (Some(_), Some(_)) if cfg!(feature = "tls") => return None,
            (Some(_), Some(_)) => return Some(BuildProblem::MissingFeature { setting: certificate, feature: "tls" }),
        };
        Some(BuildProblem::IncompleteTls { present, missing })
    }

    fn parse_url(&self, text: &str) -> Result<ServerUrl, BuildProblem> {
        let url = ServerUrl::parse(text)?;
        url.check_endpoint(&self.endpoint_path)?;
        Ok(url)
    }

    pub(super) fn problems(&self) -> Vec<BuildProblem> {
        let mut problems = Vec::new();
        problems.extend(self.server_url.as_ref().and_then(|text| self.parse_url(text).err()));
        let path = &self.endpoint_path;
        let is_legal = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
        let is_path = path.len() > 1 && path.starts_with('/') && !path.ends_with('/') && path.chars().all(is_legal);
        if !is_path || path.contains("//") || path.starts_with("/.well-known") {
            problems.push(BuildProblem::EndpointPath(path.clone()));
        }
        problems.extend(TrustedProxies::parse(&self.trusted_proxies).err());
        problems.extend(self.tls_problem());
        problems.extend(check_minimum("http.max_body_bytes", self.max_body_bytes, 1));
        problems.extend(check_minimum("http.max_message_bytes", self.max_message_bytes, 1024));
        problems.extend(check_minimum("http.max_header_bytes", self.max_header_bytes, 1024));
        problems.extend(check_minimum("http.max_token_bytes", self.max_token_bytes, 1));
        if self.max_token_bytes > BearerToken::MAX_BYTES {
            problems.push(BuildProblem::TooLarge {
                setting: "http.max_token_bytes",
                maximum: BearerToken::MAX_BYTES,
                value: self.max_token_bytes,
            });
        }
        let max_connections = self.max_connections.unwrap_or(usize::MAX);
        problems.extend(check_minimum("http.max_connections", max_connections, 1));
        let durations = [
            ("http.body_timeout", self.body_timeout),
            ("http.header_timeout", self.header_timeout),
            ("http.keep_alive_timeout", self.keep_alive_timeout),
            ("http.write_timeout", self.write_timeout),
            ("http.tls_reload_interval", self.tls_reload_interval),
        ];
        let zero = durations.iter().filter(|(_, duration)| duration.is_zero());
        problems.extend(zero.map(|&(setting, _)| BuildProblem::ZeroDuration(setting)));
        problems
    }
}
