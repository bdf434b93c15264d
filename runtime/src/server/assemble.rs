//! A server, from its parts: everything about it is checked, and every problem reported at once.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use tokio_util::sync::CancellationToken;

use super::{
    BuildError, BuiltServer, Error, Server,
    address::ServerUrl,
    builder::DEFAULT_CACHE,
    built::Components,
    discovery::Discovery,
    health, limits,
    mcp::McpService,
    metadata::{self, Metadata},
    preflight::Probe,
    start_up::Bound,
    webhooks,
};
use crate::{
    auth::{Authenticator, Peers, Readiness, Revocations, TokenCache, TokenValidator, Upstream},
    gate::{AllowedOrigins, Dispatcher, Gate, Limits, Listings, Recognizer, Refusals, is_loopback},
    propelauth::webhook::Webhooks,
    scope::ScopeIndex,
    tool::{Parts, RegisteredTool, Registry, ScopeTable, StateSeal},
};

const DEFAULT_BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);
/// How long a revoked token lives on at most where webhooks tell this server about revocations.
const CACHE_TTL_WITH_WEBHOOKS: Duration = Duration::from_secs(5 * 60);

impl Server {
    /// Checks everything and puts it together.
    ///
    /// # Errors
    ///
    /// Every problem at once: a state that a tool takes and nobody handed in, two tools of one name, a `SERVER_URL`
    /// that cannot be one, no validator.
    pub fn build(mut self) -> Result<BuiltServer, BuildError> {
        let mut problems = std::mem::take(&mut self.problems);
        let bind = self.bind_address(&mut problems);
        let server_url = self.public_url(bind, &mut problems);
        check_path(&self.path, &mut problems);
        if let Some(url) = &server_url {
            check_routes(&self.path, url.path(), &mut problems);
        }
        self.start_up.check(&mut problems);
        self.bounds.check(&mut problems);
        self.metrics_address = limits::metrics_address(self.metrics_address, env("METRICS_ADDR"), &mut problems);
        let secrets = std::mem::take(&mut self.webhook_secrets);
        let webhooks = webhooks::configured(&secrets, webhooks::secret_from_env(), &mut problems);
        #[cfg(feature = "redis")]
        if let Some(replicas) = &self.replicas {
            replicas.check(&mut problems);
        }
        let ttl = if webhooks.is_some() { CACHE_TTL_WITH_WEBHOOKS } else { DEFAULT_CACHE.ttl };
        self.cache.ttl = self.cache_ttl.unwrap_or(ttl);
        let index = Arc::new(ScopeIndex::new(self.lists.iter().copied()));
        for &scope in &self.required_by_all {
            if index.bit(scope).is_none() {
                problems.push(format!(
                    "`require_all_tools(\"{scope}\")` names a scope that is not in the list of scopes"
                ));
            }
        }
        let registry = Registry::new(Parts {
            lists: &self.lists,
            index: &index,
            required_by_all: &self.required_by_all,
            states: std::mem::take(&mut self.states),
            deny: std::mem::take(&mut self.deny),
            default_timeout: self.tool_timeout,
            max_answer: self.bounds.answer,
        })
        .map_err(|found| problems.extend(found));
        let validator = self.validator.take();
        if validator.is_none() {
            problems
                .push("nobody checks tokens: add `.auth(PropelAuth::from_env()?)`, or another validator".to_owned());
        }
        match (registry, validator, server_url) {
            (Ok(registry), Some(validator), Some(server_url)) if problems.is_empty() => {
                Ok(self.assemble(Arc::new(registry), &index, validator, webhooks, &server_url, bind))
            }
            _ => Err(BuildError::new(problems)),
        }
    }

    /// [Builds](Self::build) and serves until Ctrl-C or SIGTERM, then lets requests in flight finish.
    ///
    /// # Errors
    ///
    /// What `build` found, or why the address cannot be listened on.
    pub async fn serve(self) -> Result<(), Error> {
        self.build()?.serve().await
    }

    fn assemble(
        self,
        registry: Arc<Registry>,
        index: &Arc<ScopeIndex>,
        validator: Arc<dyn TokenValidator>,
        webhooks: Option<Webhooks>,
        server_url: &ServerUrl,
        bind: SocketAddr,
    ) -> BuiltServer {
        let resource = server_url.resource(&self.path);
        let resource_metadata = metadata::protected_resource_url(server_url, &self.path);
        let discovery = Arc::new(Discovery::new(Arc::clone(&validator), server_url.base().to_owned()));
        let shutdown = CancellationToken::new();
        // A grant for offline access is between client and authorization server (MCP, Refresh Tokens).
        let scopes = index.names().iter().copied().filter(|&scope| scope != "offline_access").collect();
        let metadata = Metadata {
            name: self.title.clone().unwrap_or_else(|| self.name.clone()),
            resource: resource.clone(),
            scopes,
            discovery: Arc::clone(&discovery),
        };
        let mut implementation = Implementation::new(self.name, self.version);
        implementation.title = self.title;
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = implementation;
        info.instructions = self.instructions;
        let listings = Listings::new(Arc::clone(&registry), self.list_ttl);
        let dispatcher = Arc::new(Dispatcher::new(Arc::clone(&registry), listings, self.conceal));
        let readiness = Arc::new(Readiness::default());
        // A mark matters as long as anything that was learned before it could be used.
        let revocations = Arc::new(Revocations::new(
            self.cache.ttl.saturating_add(self.cache.grace).saturating_add(Duration::from_secs(60)),
        ));
        #[cfg(feature = "redis")]
        let replica =
            self.replicas.and_then(|replicas| replicas.replica(Arc::clone(&revocations), self.cache.ttl, &resource));
        #[cfg(feature = "redis")]
        let peers = replica.clone().map(|replica| replica as Arc<dyn Peers>);
        #[cfg(not(feature = "redis"))]
        let peers: Option<Arc<dyn Peers>> = None;
        let bound = Bound { ttl: self.cache.ttl, grace: self.cache.grace, webhooks: webhooks.is_some() };
        let authenticator = Authenticator::new(
            Upstream::new(Arc::clone(&validator), Arc::clone(&readiness)),
            TokenCache::new(self.cache, Arc::clone(&revocations)),
            Arc::clone(index),
            resource.clone(),
            self.audience,
        )
        .with_peers(peers.clone());
        let gate = Gate {
            authenticator,
            revocations: Arc::clone(&revocations),
            dispatcher: Arc::clone(&dispatcher),
            refusals: Refusals::new(
                &resource_metadata,
                self.initial_scopes.into_iter().filter(|scope| scope != "offline_access").collect(),
            ),
            origins: AllowedOrigins::new(server_url.url(), &self.hosts, &self.origins),
            limits: Arc::new(Limits::new(self.bounds.requests, self.bounds.requests_per_caller)),
            max_body: self.bounds.body,
            body_timeout: self.bounds.body_timeout,
            direct: self.direct.then(Recognizer::default),
        };
        let seal = self.seal.unwrap_or_else(StateSeal::random);
        let mcp = McpService::new(dispatcher, info, self.bounds.body, seal, shutdown.clone());
        let gate = Arc::new(gate);
        let probe = Arc::new(Probe {
            validator,
            discovery,
            readiness,
            gate: Arc::clone(&gate),
            declared: index.names().to_vec(),
            table: ScopeTable::new(registry.tools().iter().map(RegisteredTool::info).cloned().collect()),
            last: Mutex::default(),
            watching: AtomicBool::new(false),
        });
        let mut operations = health::router(Arc::clone(&probe), &shutdown);
        if let Some(webhooks) = webhooks {
            operations = operations.merge(webhooks::router(webhooks, revocations, peers, server_url.path()));
        }
        BuiltServer::new(Components {
            metadata: metadata::router(metadata, server_url, &self.path),
            operations,
            start_up: self.start_up,
            bound,
            probe,
            gate,
            mcp,
            endpoint_path: self.path,
            base_path: server_url.path().to_owned(),
            resource,
            bind,
            bounds: self.bounds,
            metrics_address: self.metrics_address,
            registry,
            shutdown,
            #[cfg(feature = "redis")]
            replica,
        })
    }

    fn bind_address(&self, problems: &mut Vec<String>) -> SocketAddr {
        if let Some(address) = self.bind {
            return address;
        }
        match env("BIND_ADDR") {
            None => DEFAULT_BIND,
            Some(text) => text.parse().unwrap_or_else(|_| {
                problems.push(format!("BIND_ADDR is `{text}`: write an address and a port, such as 127.0.0.1:8000"));
                DEFAULT_BIND
            }),
        }
    }

    fn public_url(&self, bind: SocketAddr, problems: &mut Vec<String>) -> Option<ServerUrl> {
        let text = match self.public_base.clone().or_else(|| env("SERVER_URL")) {
            Some(text) => text,
            None if bind.ip().is_loopback() => format!("http://{bind}"),
            None => {
                problems.push(format!(
                    "SERVER_URL is not set, and the server listens on {bind}, which is not loopback: set it to the \
                     address under which clients reach this server, such as https://mcp.example.com"
                ));
                return None;
            }
        };
        match ServerUrl::parse(&text) {
            Ok(url) => {
                if is_loopback(url.url()) && !bind.ip().is_loopback() {
                    problems.push(format!(
                        "SERVER_URL is on loopback, but the server listens on {bind}, where the network can reach it: \
                         bind to 127.0.0.1, or set SERVER_URL to the public address"
                    ));
                }
                Some(url)
            }
            Err(error) => {
                problems.push(error.to_string());
                None
            }
        }
    }
}

/// A variable that is set to something.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn check_path(path: &str, problems: &mut Vec<String>) {
    let legal = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    let is_path = path.len() > 1 && path.starts_with('/') && !path.ends_with('/') && path.chars().all(legal);
    if !is_path || path.contains("//") || path.starts_with("/.well-known") {
        problems.push(format!(
            "the path of the endpoint is `{path}`: write one such as /mcp, without a slash at the end"
        ));
    }
}

/// The endpoint must not stand where something else does.
fn check_routes(endpoint: &str, base_path: &str, problems: &mut Vec<String>) {
    let below_base = |path: &str| format!("{base_path}{path}");
    let taken =
        [health::ALIVE.to_owned(), health::READY.to_owned(), webhooks::PATH.to_owned(), below_base(webhooks::PATH)];
    if taken.iter().any(|path| path == endpoint || *path == below_base(endpoint)) {
        problems.push(format!(
            "the path of the endpoint is `{endpoint}`, where something else stands: write one such as /mcp"
        ));
    }
}
