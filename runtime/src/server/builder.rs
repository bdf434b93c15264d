//! What a server is made from.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use secrecy::SecretString;

use super::{limits::Bounds, start_up::StartUp};
use crate::{
    auth::{AudiencePolicy, CacheLimits, TokenValidator},
    scope::{Scope, Scopes},
    tool::{DenyRule, StateSeal, States, ToolInfo},
};

const DEFAULT_PATH: &str = "/mcp";
const DEFAULT_TOOL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it does where nobody tells.
pub(super) const DEFAULT_CACHE: CacheLimits = CacheLimits {
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
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: Option<String>,
    pub(super) instructions: Option<String>,
    pub(super) lists: Vec<&'static Scopes>,
    pub(super) validator: Option<Arc<dyn TokenValidator>>,
    pub(super) audience: AudiencePolicy,
    pub(super) cache: CacheLimits,
    pub(super) cache_ttl: Option<Duration>,
    pub(super) webhook_secrets: Vec<SecretString>,
    #[cfg(feature = "redis")]
    pub(super) replicas: Option<crate::replicas::Replicas>,
    pub(super) start_up: StartUp,
    pub(super) states: States,
    pub(super) required_by_all: Vec<&'static str>,
    pub(super) initial_scopes: Vec<String>,
    pub(super) deny: Vec<DenyRule>,
    pub(super) conceal: bool,
    pub(super) direct: bool,
    pub(super) seal: Option<StateSeal>,
    pub(super) public_base: Option<String>,
    pub(super) bind: Option<SocketAddr>,
    pub(super) path: String,
    pub(super) hosts: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) bounds: Bounds,
    pub(super) metrics_address: Option<SocketAddr>,
    pub(super) tool_timeout: Option<Duration>,
    pub(super) list_ttl: Duration,
    /// What was said that cannot be, to be reported with all other problems.
    pub(super) problems: Vec<String>,
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
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.name).field("path", &self.path).finish_non_exhaustive()
    }
}
