//! A server, from its parts.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{
    BuildError, BuiltServer, Error,
    address::ServerUrl,
    built::Components,
    discovery::Discovery,
    health,
    limits::{self, Bounds},
    mcp::McpService,
    metadata::{self, Metadata},
    preflight::Probe,
    start_up::{Bound, StartUp},
    webhooks,
};
use crate::{
    auth::{
        AudiencePolicy, Authenticator, CacheLimits, Peers, Readiness, Revocations, TokenCache, TokenValidator,
        Upstream,
    },
    gate::{AllowedOrigins, Dispatcher, Gate, Limits, Listings, Refusals, is_loopback},
    propelauth::webhook::Webhooks,
    scope::{Scope, ScopeIndex, Scopes},
    tool::{DenyRule, Parts, RegisteredTool, Registry, ScopeTable, StateSeal, States, ToolInfo},
};

const DEFAULT_BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);
const DEFAULT_PATH: &str = "/mcp";
const DEFAULT_TOOL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a revoked token lives on at most where webhooks tell this server about revocations.
const CACHE_TTL_WITH_WEBHOOKS: Duration = Duration::from_secs(5 * 60);
/// How long it does where nobody tells.
const DEFAULT_CACHE: CacheLimits = CacheLimits {
    ttl: Duration::from_secs(10),
    inactive_ttl: Duration::from_secs(5),
    grace: Duration::ZERO,
    max_tokens: 100_000,
    max_bytes: 256 * 1024 * 1024,
};

/// An MCP server under construction.
///
/// ```no_run
/// # use toolgate::prelude::*;
/// pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
///
/// #[tokio::main]
/// async fn main() -> Result<(), toolgate::Error> {
///     Server::new("My MCP server", &SCOPES)
///         .auth(PropelAuth::from_env()?)
///         .serve()
///         .await
/// }
/// ```
///
/// It takes the tools that were checked against its own list. Where it is not told, `SERVER_URL` and `BIND_ADDR` come
/// from the environment.
#[must_use]
pub struct Server {
    name: String,
    version: String,
    title: Option<String>,
    instructions: Option<String>,
    lists: Vec<&'static Scopes>,
    validator: Option<Arc<dyn TokenValidator>>,
    audience: AudiencePolicy,
    cache: CacheLimits,
    cache_ttl: Option<Duration>,
    pub(super) webhook_secrets: Vec<SecretString>,
    #[cfg(feature = "redis")]
    pub(super) replicas: Option<crate::replicas::Replicas>,
    pub(super) start_up: StartUp,
    states: States,
    required_by_all: Vec<&'static str>,
    initial_scopes: Vec<String>,
    deny: Vec<DenyRule>,
    conceal: bool,
    direct: bool,
    seal: Option<StateSeal>,
    public_base: Option<String>,
    bind: Option<SocketAddr>,
    path: String,
    hosts: Vec<String>,
    origins: Vec<String>,
    pub(super) bounds: Bounds,
    pub(super) metrics_address: Option<SocketAddr>,
    tool_timeout: Option<Duration>,
    list_ttl: Duration,
    /// What was said that cannot be, to be reported with all other problems.
    problems: Vec<String>,
}

impl Server {
    /// A server with this name, shown to clients and their users, and the tools that were checked against this list.
    pub fn new(name: impl Into<String>, scopes: &'static Scopes) -> Self {
        Self {
            name: name.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: None,
            instructions: None,
            lists: vec![scopes],
            validator: None,
            audience: AudiencePolicy::default(),
            cache: DEFAULT_CACHE,
            cache_ttl: None,
            webhook_secrets: Vec::new(),
            #[cfg(feature = "redis")]
            replicas: None,
            start_up: StartUp::default(),
            states: States::default(),
            required_by_all: Vec::new(),
            initial_scopes: Vec::new(),
            deny: Vec::new(),
            conceal: false,
            direct: true,
            seal: None,
            public_base: None,
            bind: None,
            path: DEFAULT_PATH.to_owned(),
            hosts: Vec::new(),
            origins: Vec::new(),
            bounds: Bounds::default(),
            metrics_address: None,
            tool_timeout: Some(DEFAULT_TOOL_TIMEOUT),
            list_ttl: Duration::ZERO,
            problems: Vec::new(),
        }
    }

    /// Who checks tokens. A server has exactly one.
    pub fn auth(mut self, validator: impl TokenValidator) -> Self {
        if self.validator.replace(Arc::new(validator)).is_some() {
            self.problems.push("`auth` was called twice: a server has one validator".to_owned());
        }
        self
    }

    /// Hands the tools a value: whoever takes `&T` gets this one.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        if !self.states.insert(state) {
            let name = std::any::type_name::<T>();
            self.problems.push(format!("`state` was called twice with a `{name}`: there is one value of each type"));
        }
        self
    }

    /// Takes the tools of another list too, such as that of a library crate.
    pub fn include(mut self, scopes: &'static Scopes) -> Self {
        if !self.lists.iter().any(|&list| std::ptr::eq(list, scopes)) {
            self.lists.push(scopes);
        }
        self
    }

    /// The version that clients see; default: toolgate's.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// A name for people to read, beside the one of [`Server::new`].
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// What a model should know about this server as a whole.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// The public base URL, under which clients reach this server: `https://mcp.example.com`. Default: the variable
    /// `SERVER_URL`, or else the address that the server listens on if that is loopback.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.public_base = Some(url.into());
        self
    }

    /// Where to listen. Default: the variable `BIND_ADDR`, or else `127.0.0.1:8000`.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.bind = Some(address);
        self
    }

    /// The path of the MCP endpoint below the base URL; default: `/mcp`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// One more host under which requests may come, besides that of the base URL.
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// One more origin from which browsers may send requests: `https://app.example.com`.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// The scopes that a first connection should ask for, named in the challenge to a client without a token. More are
    /// asked for when they are needed.
    pub fn initial_scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.initial_scopes = scopes.into_iter().map(|scope| scope.name().to_owned()).collect();
        self
    }

    /// A scope that every tool needs, besides its own.
    pub fn require_all_tools(mut self, scope: &'static str) -> Self {
        self.required_by_all.push(scope);
        self
    }

    /// A kill switch: a tool for which the rule says `true` is neither listed nor callable. The rule is asked for every
    /// list and every call, so what it looks at can change while the server runs.
    ///
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let read_only = Arc::new(AtomicBool::new(false));
    /// let switch = Arc::clone(&read_only);
    /// let server = Server::new("company", &SCOPES)
    ///     .deny(move |tool| switch.load(Ordering::Relaxed) && tool.annotations.destructive == Some(true));
    ///
    /// read_only.store(true, Ordering::Relaxed); // from now on, nothing destructive
    /// # let _ = server;
    /// # }
    /// ```
    pub fn deny(mut self, rule: impl Fn(&ToolInfo) -> bool + Send + Sync + 'static) -> Self {
        self.deny.push(Box::new(rule));
        self
    }

    /// Answers a call of a tool that the token's scopes do not allow like one of a tool that does not exist, instead
    /// of with a challenge. Clients cannot step up then: who lacks a scope does not learn of the tool.
    pub fn conceal_forbidden_tools(mut self) -> Self {
        self.conceal = true;
        self
    }

    /// The secret that seals what tools give clients to bring back ([`InputRequired::state`]): at least 32 bytes that
    /// nobody can guess, the same on every replica. Default: a random one, so that a client has to come back to the
    /// process that asked.
    ///
    /// [`InputRequired::state`]: crate::input::InputRequired::state
    pub fn request_state_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        match StateSeal::with_key(key.into()) {
            Ok(seal) => self.seal = Some(seal),
            Err(error) => self.problems.push(format!("`request_state_key`: {error}")),
        }
        self
    }

    /// Whether requests that are beyond doubt are answered without rmcp, with the bytes that rmcp would send; default:
    /// `true`. The answers are the same; `false` is for finding out whether they are.
    pub fn direct_path(mut self, on: bool) -> Self {
        self.direct = on;
        self
    }

    /// Accepts tokens that do not say which resource they are for. **Gives up** the protection against tokens that
    /// were issued for another server of the same tenant, where the authorization server does not name the resource.
    pub fn accept_tokens_without_audience(mut self) -> Self {
        if self.audience == AudiencePolicy::ThisServer {
            self.audience = AudiencePolicy::ThisServerOrUnknown;
        }
        self
    }

    /// Accepts tokens that were issued for other resources. **Gives up** the protection against every other server of
    /// the same tenant: whoever receives a token there can use it here.
    pub fn accept_tokens_for_any_resource(mut self) -> Self {
        self.audience = AudiencePolicy::Any;
        self
    }

    /// How long an answer about a token is used before it is asked about again, and so the longest that a revoked token
    /// lives on. Never longer than the token's own life. Zero asks about every request.
    ///
    /// Default: 10 seconds, and 5 minutes with a [`webhook_secret`](Self::webhook_secret): access then ends when
    /// PropelAuth's webhook arrives, and the 5 minutes are for one that never does. The log says at start-up which it is.
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = Some(ttl);
        self
    }

    /// How many tokens are remembered at most; default: 100,000.
    pub fn max_cached_tokens(mut self, tokens: u64) -> Self {
        self.cache.max_tokens = tokens;
        self
    }

    /// While the authorization server does not answer, goes on using what was learned about a token for this long beyond
    /// its time, but not beyond the token's own life. **Gives up** that access ends within
    /// [`cache_ttl`](Self::cache_ttl) during an outage. Off unless set.
    pub fn stale_if_error(mut self, grace: Duration) -> Self {
        self.cache.grace = grace;
        self
    }

    /// The time limit of tools that declare none; default: 60 seconds. `None` is no limit.
    pub fn tool_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.tool_timeout = limit.into();
        self
    }

    /// How long a client may take a list of tools for current (`ttlMs`); default: not at all, so that a change of
    /// scopes shows at once.
    pub fn list_ttl(mut self, ttl: Duration) -> Self {
        self.list_ttl = ttl;
        self
    }

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
            refusals: Refusals {
                resource_metadata,
                initial_scopes: self.initial_scopes.into_iter().filter(|scope| scope != "offline_access").collect(),
            },
            origins: AllowedOrigins::new(server_url.url(), &self.hosts, &self.origins),
            limits: Arc::new(Limits::new(self.bounds.requests, self.bounds.requests_per_caller)),
            max_body: self.bounds.body,
            body_timeout: self.bounds.body_timeout,
            direct: self.direct,
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

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.name).field("path", &self.path).finish_non_exhaustive()
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
