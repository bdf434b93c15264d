//! Settings of the HTTP server.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

use super::check_minimum;
use crate::{error::BuildProblem, gate::TrustedProxies};

/// Settings of the HTTP server.
///
/// The settings from [`max_header_bytes`](Self::max_header_bytes) on apply when the server listens itself. They do not
/// apply to a router from [`BuiltServer::into_router`](crate::BuiltServer::into_router).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Path of the MCP endpoint below the public URL, without a slash at the end. Default: `/mcp`.
    pub endpoint_path: String,
    /// Hosts that requests may name in addition to the host of the public URL. Default: none.
    pub allowed_hosts: Vec<String>,
    /// Origins from which browsers may send requests in addition to the origin of the public URL, such as
    /// `https://app.example.com`. Default: none.
    pub allowed_origins: Vec<String>,
    /// Proxies that are trusted to name the client in `X-Forwarded-For`, as addresses or networks such as `10.0.0.0/8`. The
    /// limit on [unknown tokens](super::LimitsConfig::max_unknown_tokens) is shared between clients by their address; without
    /// this setting, all clients of a proxy share one part. Default: none.
    pub trusted_proxies: Vec<String>,
    /// Maximum size of a request body, in bytes. A larger body is rejected with 413. Default: 4 MiB.
    pub max_body_bytes: usize,
    /// Maximum size of a message without the arguments and the input of a tool call, in bytes. A larger one is rejected
    /// with 413. Default: 64 KiB.
    pub max_message_bytes: usize,
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
    /// Time within which a request head must arrive, and for which a connection may be idle. Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time for which a client may leave data unread before it is disconnected. An idle response stream does not count.
    /// Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// Time that requests in flight have to finish when the server shuts down. Then they are aborted, and the log states
    /// their number. Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// Address of the Prometheus endpoint `http://<address>/metrics`, which needs the feature `prometheus`. It has no
    /// authentication, so bind it to loopback or to a private network. It installs the recorder of the process; leave it
    /// out if you install a recorder yourself. Default: the environment variable `METRICS_ADDR`, otherwise none.
    pub metrics_address: Option<SocketAddr>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            endpoint_path: "/mcp".to_owned(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_body_bytes: 4 * 1024 * 1024,
            max_message_bytes: 64 * 1024,
            body_timeout: Duration::from_secs(30),
            max_header_bytes: 32 * 1024,
            max_connections: None,
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(30),
            metrics_address: None,
        }
    }
}

impl HttpConfig {
    pub(super) fn problems(&self) -> Vec<BuildProblem> {
        let mut problems = Vec::new();
        let path = &self.endpoint_path;
        let is_legal = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
        let is_path = path.len() > 1 && path.starts_with('/') && !path.ends_with('/') && path.chars().all(is_legal);
        if !is_path || path.contains("//") || path.starts_with("/.well-known") {
            problems.push(BuildProblem::EndpointPath(path.clone()));
        }
        problems.extend(TrustedProxies::parse(&self.trusted_proxies).err());
        problems.extend(check_minimum("http.max_body_bytes", self.max_body_bytes, 1));
        problems.extend(check_minimum("http.max_message_bytes", self.max_message_bytes, 1024));
        problems.extend(check_minimum("http.max_header_bytes", self.max_header_bytes, 1024));
        let max_connections = self.max_connections.unwrap_or(usize::MAX);
        problems.extend(check_minimum("http.max_connections", max_connections, 1));
        let durations = [
            ("http.body_timeout", self.body_timeout),
            ("http.header_timeout", self.header_timeout),
            ("http.write_timeout", self.write_timeout),
        ];
        let zero = durations.iter().filter(|(_, duration)| duration.is_zero());
        problems.extend(zero.map(|&(setting, _)| BuildProblem::ZeroDuration(setting)));
        problems
    }
}
