//! Server processes under test.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Result, client,
    request::{Kind, Revision, Template},
};

/// MCP server under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Server {
    Toolgate,
    /// toolgate with an audit file, metrics, a rate, and traces.
    ToolgateProduction,
    Rmcp,
    RmcpShared,
    Turbomcp,
    TowerMcp,
    /// `FastMCP` with its default settings: it introspects the token of every request.
    Fastmcp,
    /// `FastMCP` with its optional token cache.
    FastmcpCached,
    Floor,
}

impl Server {
    pub(crate) const ALL: [Self; 9] = [
        Self::Toolgate,
        Self::ToolgateProduction,
        Self::Rmcp,
        Self::RmcpShared,
        Self::Turbomcp,
        Self::TowerMcp,
        Self::Fastmcp,
        Self::FastmcpCached,
        Self::Floor,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Toolgate => "toolgate",
            Self::ToolgateProduction => "toolgate-production",
            Self::Rmcp => "rmcp",
            Self::RmcpShared => "rmcp-shared",
            Self::Turbomcp => "turbomcp",
            Self::TowerMcp => "tower-mcp",
            Self::Fastmcp => "fastmcp",
            Self::FastmcpCached => "fastmcp-cached",
            Self::Floor => "floor",
        }
    }

    fn binary(self) -> &'static str {
        match self {
            Self::Toolgate => "server-toolgate",
            Self::ToolgateProduction => "server-toolgate-production",
            Self::Rmcp | Self::RmcpShared => "server-rmcp",
            Self::Turbomcp => "server-turbomcp",
            Self::TowerMcp => "server-tower-mcp",
            // The virtual environment that `benches/run` creates.
            Self::Fastmcp | Self::FastmcpCached => "fastmcp/bin/python",
            Self::Floor => "server-floor",
        }
    }

    /// Whether the server validates tokens and filters lists by scope.
    pub(crate) fn has_auth(self) -> bool {
        !matches!(self, Self::Rmcp | Self::RmcpShared | Self::Floor)
    }

    /// Whether the server is written in Python, and so is slower by orders of magnitude.
    pub(crate) fn is_slow(self) -> bool {
        matches!(self, Self::Fastmcp | Self::FastmcpCached)
    }

    /// Whether the server supports the revision without a session.
    pub(crate) fn supports(self, revision: Revision) -> bool {
        revision == Revision::New || !matches!(self, Self::Turbomcp | Self::TowerMcp)
    }

    /// Whether the server rejects a call without the scope with 403.
    pub(crate) fn rejects(self) -> bool {
        self == Self::Toolgate
    }

    /// Whether the server has prompts and resources.
    pub(crate) fn has_prompts_and_resources(self) -> bool {
        matches!(self, Self::Toolgate | Self::Rmcp | Self::RmcpShared)
    }

    pub(crate) fn is_built(self) -> bool {
        self.path().is_ok_and(|path| path.exists())
    }

    fn path(self) -> Result<PathBuf> {
        Ok(std::env::current_exe()?.with_file_name(self.binary()))
    }
}

/// Returns the variables of the configuration of production. The rate is higher than the load, the queue of the audit file
/// lasts for a rotation under this load, the log leaves out the records that the audit file has, and the introspection
/// endpoint also receives traces.
fn production(auth_url: &str) -> Result<[(&'static str, String); 8]> {
    let folder = std::env::current_exe()?.with_file_name("bench-results");
    Ok([
        ("TOOLGATE_AUDIT_PATH", folder.join("audit.jsonl").display().to_string()),
        ("TOOLGATE_AUDIT_MAX_QUEUE_BYTES", (64 * 1024 * 1024).to_string()),
        ("TOOLGATE_LOG_FILTER", "info,toolgate::audit=off".to_owned()),
        ("TOOLGATE_HTTP_METRICS_ADDRESS", crate::load::free_address()?.to_string()),
        ("TOOLGATE_RATES_CALLER", "1000000/second".to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", auth_url.to_owned()),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()),
        ("OTEL_TRACES_SAMPLER_ARG", "0.01".to_owned()),
    ])
}

/// Running server, killed on drop.
pub(crate) struct ServerProcess {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) startup_time: Duration,
}

impl ServerProcess {
    /// Starts a server and waits for its first response.
    pub(crate) fn start(
        server: Server,
        address: SocketAddr,
        tools: usize,
        auth_url: &str,
        responses: &Path,
        options: &[&str],
    ) -> Result<Self> {
        let mut command = Command::new(server.path()?);
        if server.is_slow() {
            command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fastmcp/server.py"));
        }
        command.arg(address.to_string());
        match server {
            Server::Rmcp => command.arg(tools.to_string()),
            Server::RmcpShared => command.args([&tools.to_string(), "shared"]),
            Server::Floor => command.arg(responses.join(tools.to_string())),
            Server::FastmcpCached => command.args([&tools.to_string(), auth_url, "cached"]),
            Server::Toolgate | Server::ToolgateProduction | Server::Turbomcp | Server::TowerMcp | Server::Fastmcp => {
                command.args([&tools.to_string(), auth_url])
            }
        };
        if server == Server::ToolgateProduction {
            command.envs(production(auth_url)?);
        }
        command.args(options);
        let start = Instant::now();
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut started = Self { process, address, startup_time: Duration::ZERO };
        let mut template = Template::new(address, Kind::Call, Revision::New, tools, server.has_auth());
        loop {
            match client::check(address, &mut template, tools, 1) {
                Ok(_) => break,
                Err(error) => {
                    if let Some(status) = started.process.try_wait()? {
                        return Err(format!("{} exited: {status}", server.name()).into());
                    }
                    if start.elapsed() > Duration::from_secs(60) {
                        return Err(format!("{} did not respond within 60 seconds: {error}", server.name()).into());
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        }
        started.startup_time = start.elapsed();
        Ok(started)
    }

    /// CPU time of the process so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name of the process, in parentheses, may contain spaces.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u32 = fields[11].parse::<u32>()? + fields[12].parse::<u32>()?;
        // USER_HZ, the unit of these fields, is 100 on every Linux platform of Rust.
        Ok(f64::from(ticks) / 100.0)
    }

    /// Resident memory of the process, in KiB.
    pub(crate) fn memory_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
