//! The builder of a server.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use super::{
    config::{
        Config, HttpConfig, LimitsConfig, OperationsConfig, PreflightMode, SessionsConfig, Settings,
        SubscriptionsConfig, TasksConfig, TokenCacheConfig,
    },
    mount::Mount,
};
#[cfg(feature = "redis")]
use crate::replication::Replication;
use crate::{
    auth::{AudiencePolicy, AuthProvider, TokenValidator},
    error::{BuildError, BuildProblem},
    notifications::Notifications,
    operation::{OperationDescriptor, RequestStateSigner, ServerState, States},
    policy::{OperationPolicy, Policy, ServerRules},
    registry::DenyRule,
    scope::{Scope, Scopes},
    settings::{CommandLine, Environment},
    tasks::TaskStore,
};

/// Builder of an MCP server.
///
/// ```no_run
/// # use toolgate::{auth::{Claims, StaticTokens}, prelude::*};
/// pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
///
/// #[tokio::main]
/// async fn main() -> Result<(), toolgate::Error> {
///     // Sample tokens, for tests. The root of the documentation shows a server with an authorization server.
///     let tokens = StaticTokens::new().token("sample-token", Claims::new().scopes(["employees:read:public"]));
///     Server::new("My MCP server", &SCOPES).auth(tokens).serve().await
/// }
/// ```
///
/// The server has the tools, prompts and resources that were checked against its scope lists. Settings are fields of
/// [`Config`](crate::config::Config), set with [`http`](Self::http), [`limits`](Self::limits),
/// [`token_cache`](Self::token_cache) and [`operations`](Self::operations). A configuration file and environment
/// variables take precedence over what is set in code; see [`config`](crate::config).
#[must_use]
pub struct Server {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) title: Option<String>,
    pub(super) instructions: Option<String>,
    pub(super) scope_lists: Vec<&'static Scopes>,
    pub(super) validator: Option<Arc<dyn TokenValidator>>,
    /// Creates the validator when the server starts.
    pub(super) provider: Option<Box<dyn AuthProvider>>,
    pub(super) audience: AudiencePolicy,
    /// Settings of the code, to which those of the file, the environment and the command line are added.
    pub(super) config: Config,
    /// The configuration file, and what names it.
    pub(super) config_file: Option<(PathBuf, &'static str)>,
    pub(super) command_line: CommandLine,
    /// Whether the configuration file and the environment are read.
    pub(super) reads_environment: bool,
    #[cfg(feature = "redis")]
    pub(super) replication: Option<Replication>,
    #[cfg(feature = "approvals")]
    pub(super) approval_store: Option<Arc<dyn crate::approvals::ApprovalStore>>,
    pub(super) states: States,
    pub(super) notifications: Notifications,
    pub(super) required_for_all: Vec<&'static str>,
    /// `None` if clients are to request all scopes.
    pub(super) initial_scopes: Option<Vec<&'static str>>,
    pub(super) deny: Vec<DenyRule>,
    pub(super) mounts: Vec<Mount>,
    pub(super) conceal: bool,
    pub(super) fast_path: bool,
    pub(super) signer: Option<RequestStateSigner>,
    /// Store of tasks that the program has set.
    pub(super) task_store: Option<Arc<dyn TaskStore>>,
    pub(super) policy_lock: Option<String>,
    /// Problems of earlier calls, which `build` reports together with all others.
    pub(super) problems: Vec<BuildProblem>,
}

impl Server {
    /// Creates a server with a name, which clients show to their users, and with the tools, prompts and resources that
    /// were checked against `scopes`.
    pub fn new(name: impl Into<String>, scopes: &'static Scopes) -> Self {
        let notifications = Notifications::new();
        let mut states = States::default();
        states.insert(notifications.clone());
        Self {
            name: name.into(),
            version: None,
            title: None,
            instructions: None,
            scope_lists: vec![scopes],
            validator: None,
            provider: None,
            audience: AudiencePolicy::default(),
            config: Config::default(),
            config_file: None,
            command_line: CommandLine::default(),
            reads_environment: true,
            #[cfg(feature = "redis")]
            replication: None,
            #[cfg(feature = "approvals")]
            approval_store: None,
            states,
            notifications,
            required_for_all: Vec::new(),
            initial_scopes: None,
            deny: Vec::new(),
            mounts: Vec::new(),
            conceal: false,
            fast_path: true,
            signer: None,
            task_store: None,
            policy_lock: None,
            problems: Vec::new(),
        }
    }

    /// Sets the token validator. A server has exactly one.
    pub fn auth(mut self, validator: impl TokenValidator) -> Self {
        self.require_no_validator();
        self.validator = Some(Arc::new(validator));
        self
    }

    /// Sets what creates the token validator when the server starts, such as one of those of
    /// the module `toolgate::dev_tenant` (feature `dev-tenant`).
    ///
    /// Start such a server with [`serve`](Self::serve), because [`build`](Self::build) does not create the validator.
    pub fn auth_from(mut self, provider: impl AuthProvider) -> Self {
        self.require_no_validator();
        self.provider = Some(Box::new(provider));
        self
    }

    fn require_no_validator(&mut self) {
        if self.validator.is_some() || self.provider.is_some() {
            self.problems.push(BuildProblem::DuplicateValidator);
        }
    }

    /// Adds a value that tools, prompts and resources take as `&T`. A server holds one value of each type.
    pub fn state<T: ServerState>(mut self, state: T) -> Self {
        if !self.states.insert(state) {
            self.problems.push(BuildProblem::DuplicateState(std::any::type_name::<T>()));
        }
        self
    }

    /// Returns the handle that notifies the clients of this server of changes, for a state that is created before the
    /// server is built. Operations take it as `&Notifications`.
    pub fn notifications(&self) -> Notifications {
        self.notifications.clone()
    }

    /// Adds the operations that were checked against another scope list, such as that of a library crate.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # mod company_payroll {
    /// #     use toolgate::prelude::*;
    /// #     pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all"]);
    /// #     /// Return the total payroll of a month.
    /// #     #[tool(scopes = "payroll:read:all", scopes_in = crate::company_payroll::SCOPES)]
    /// #     async fn payroll_total(month: u32) -> String {
    /// #         month.to_string()
    /// #     }
    /// # }
    /// # fn main() {
    /// // `company_payroll` is a library with a scope list and tools of its own.
    /// let server = Server::new("company", &SCOPES).add_from(&company_payroll::SCOPES);
    /// # assert_eq!(server.policy().operations[0].name, "payroll_total");
    /// # }
    /// ```
    pub fn add_from(mut self, scopes: &'static Scopes) -> Self {
        if !self.scope_lists.iter().any(|&list| std::ptr::eq(list, scopes)) {
            self.scope_lists.push(scopes);
        }
        self
    }

    /// Sets the version that clients see. Default: the version of the crate whose operations were checked against the
    /// first scope list, or `0.0.0` if it has none.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Returns the version that clients see.
    pub(super) fn version_or_default(&self) -> &str {
        let of_crate =
            || OperationDescriptor::registered(&self.scope_lists[..1]).find_map(|operation| operation.crate_version);
        self.version.as_deref().or_else(of_crate).unwrap_or("0.0.0")
    }

    /// Sets a human-readable title in addition to the name.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets instructions for models that use this server.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets the public URL under which clients reach this server, such as `https://mcp.example.com`. The
    /// environment variable `SERVER_URL` takes precedence. Default: the address that the server listens on if that is
    /// loopback.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.config.http.server_url = Some(url.into());
        self
    }

    /// Sets the address to listen on. `http.bind` of the configuration file, `BIND_ADDR` and `--bind` take precedence. Default:
    /// `127.0.0.1:8000`.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.config.http.bind = Some(address);
        self
    }

    /// Sets the configuration file, a TOML file with the [settings](crate::config) of the server. It takes precedence over
    /// the one that the environment variable `TOOLGATE_CONFIG` names. The file must exist.
    ///
    /// ```no_run
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES).config_file("/etc/company/toolgate.toml");
    /// # let _ = server;
    /// # }
    /// ```
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.set_config_file(path.into(), "`Server::config_file`");
        self
    }

    /// Reads no configuration file, environment variables or options of the command line, so that the server has the
    /// settings of the code. Also ignores [`config_file`](Self::config_file). Two servers in one process need this,
    /// because the environment cannot give each an address of its own.
    pub fn ignore_environment(mut self) -> Self {
        self.reads_environment = false;
        self
    }

    /// Sets the configuration file. `origin` is what names it.
    pub(crate) fn set_config_file(&mut self, path: PathBuf, origin: &'static str) {
        self.config_file = Some((path, origin));
    }

    /// Sets a setting as an option of the command line, which is stronger than all others.
    #[cfg(feature = "cli")]
    pub(crate) fn option(mut self, key: &'static str, option: &str, value: &str) -> Self {
        self.command_line.set(key, option, value);
        self
    }

    /// Reads the settings of the configuration file, the environment and the command line, and returns all settings that
    /// the server will use, with their sources. It needs neither a validator nor states.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() -> Result<(), toolgate::BuildError> {
    /// let server = Server::new("company", &SCOPES).http(|http| http.max_body_bytes = 65536);
    /// let settings = server.settings()?;
    /// assert_eq!(settings.config().http.bind_address().port(), 8000);
    /// assert_eq!(settings.to_string(), "http.max_body_bytes = 65536  (code)\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Every setting that cannot be read or is invalid. Whether the public URL fits the address is checked by
    /// [`build`](Self::build).
    pub fn settings(&self) -> Result<Settings, BuildError> {
        let settings = self.load_settings()?;
        let problems = settings.config().problems();
        if problems.is_empty() { Ok(settings) } else { Err(BuildError::new(problems)) }
    }

    /// Reads all settings, and does not check whether they are valid.
    pub(crate) fn load_settings(&self) -> Result<Settings, BuildError> {
        let settings = if self.reads_environment {
            let environment = Environment::of_process();
            Settings::load(&self.config, self.config_file.clone(), &environment, &self.command_line)
        } else {
            Settings::load(&self.config, None, &Environment::default(), &CommandLine::default())
        };
        settings.map_err(|errors| BuildError::new(errors.into_iter().map(BuildProblem::from).collect()))
    }

    /// Replaces all settings of the code, for example with deserialized ones.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Changes settings of the HTTP server.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES)
    ///     .http(|http| http.max_body_bytes = 64 * 1024)
    ///     .limits(|limits| limits.max_requests_per_caller = 8);
    /// # let _ = server;
    /// # }
    /// ```
    pub fn http(mut self, change: impl FnOnce(&mut HttpConfig)) -> Self {
        change(&mut self.config.http);
        self
    }

    /// Changes the limits on requests and results.
    pub fn limits(mut self, change: impl FnOnce(&mut LimitsConfig)) -> Self {
        change(&mut self.config.limits);
        self
    }

    /// Changes settings of the token cache.
    pub fn token_cache(mut self, change: impl FnOnce(&mut TokenCacheConfig)) -> Self {
        change(&mut self.config.token_cache);
        self
    }

    /// Changes settings of all tools, prompts and resources.
    pub fn operations(mut self, change: impl FnOnce(&mut OperationsConfig)) -> Self {
        change(&mut self.config.operations);
        self
    }

    /// Changes settings of [tasks](crate::tasks).
    pub fn tasks(mut self, change: impl FnOnce(&mut TasksConfig)) -> Self {
        change(&mut self.config.tasks);
        self
    }

    /// Sets where [tasks](crate::tasks) and their results are stored. Default: in memory, or with `Server::replication` in
    /// Redis.
    ///
    /// ```
    /// # use toolgate::{prelude::*, tasks::MemoryTaskStore};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// // Each replica has tasks of its own, so clients must return to the same one.
    /// let server = Server::new("company", &SCOPES).task_store(MemoryTaskStore::default());
    /// # let _ = server;
    /// # }
    /// ```
    pub fn task_store(mut self, store: impl TaskStore) -> Self {
        self.task_store = Some(Arc::new(store));
        self
    }

    /// Changes settings of approvals.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES)
    ///     .approvals(|approvals| approvals.client_id = Some("approvals-of-company".to_owned()));
    /// # let _ = server;
    /// # }
    /// ```
    #[cfg(feature = "approvals")]
    pub fn approvals(mut self, change: impl FnOnce(&mut super::config::ApprovalsConfig)) -> Self {
        change(&mut self.config.approvals);
        self
    }

    /// Sets where approvals are stored. Default: the Redis of `Server::replication` if there is one, otherwise the memory
    /// of the process. Replicas need a common store, and a store of your own needs a
    /// [`request_state_key`](Self::request_state_key), with which approvals are signed.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use toolgate::{approvals::{ApprovalStore, ApprovalStoreError as Error}, auth::async_trait, prelude::*};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # struct Database;
    /// # impl Database {
    /// #     fn new(_url: &str) -> Self {
    /// #         Self
    /// #     }
    /// # }
    /// # #[async_trait]
    /// # impl ApprovalStore for Database {
    /// #     async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Error> {
    /// #         Ok(None)
    /// #     }
    /// #     async fn replace(&self, _: &str, _: Option<&[u8]>, _: &[u8], _: Duration) -> Result<bool, Error> {
    /// #         Ok(false)
    /// #     }
    /// # }
    /// # fn main() -> Result<(), std::env::VarError> {
    /// // `Database` implements `ApprovalStore`.
    /// let server = Server::new("company", &SCOPES)
    ///     .approval_store(Database::new("postgres://db.example.com/mcp"))
    ///     .request_state_key(std::env::var("STATE_KEY")?);
    /// # let _ = server;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "approvals")]
    pub fn approval_store(mut self, store: impl crate::approvals::ApprovalStore) -> Self {
        self.approval_store = Some(Arc::new(store));
        self
    }

    /// Changes settings of subscriptions.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES).subscriptions(|subscriptions| subscriptions.max_resources = 20);
    /// # let _ = server;
    /// # }
    /// ```
    pub fn subscriptions(mut self, change: impl FnOnce(&mut SubscriptionsConfig)) -> Self {
        change(&mut self.config.subscriptions);
        self
    }

    /// Lets clients of the revisions before 2026-07-28 open sessions, and changes their settings. In a session, a call can
    /// ask the client for input, the client can set the level of log messages, and a stream can be resumed after its
    /// connection broke. A session belongs to the user and the client that opened it, every request in it is
    /// authenticated and decided as without one, and it ends when the caller's access is revoked.
    ///
    /// Without sessions, which is the default, any replica can serve any request.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES).sessions(|sessions| {
    ///     sessions.idle_timeout = Duration::from_secs(10 * 60);
    /// });
    /// # let _ = server;
    /// # }
    /// ```
    ///
    /// Requests of 2026-07-28 have no sessions and are not affected.
    pub fn sessions(mut self, change: impl FnOnce(&mut SessionsConfig)) -> Self {
        self.config.sessions.enabled = true;
        change(&mut self.config.sessions);
        self
    }

    /// Shares revocations with the other replicas of this server through Redis: access that ends on one ends on all.
    /// While Redis does not respond, introspection responses are used for at most 10 seconds, and webhooks are not
    /// acknowledged, so that they are sent again.
    ///
    /// ```
    /// # use toolgate::{prelude::*, replication::Replication};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES).replication(Replication::redis("redis://127.0.0.1:6379"));
    /// # let _ = server;
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn replication(mut self, replication: Replication) -> Self {
        self.replication = Some(replication);
        self
    }

    /// Sets the scopes that a client should request at its first login, so that people consent to less. They are the
    /// `scope` of the challenge for a request without a token, and the `scopes_supported` of the protected resource
    /// metadata and of the authorization server metadata that this server serves, which many clients prefer to the
    /// challenge. Default: all scopes.
    ///
    /// Clients get further scopes by step-up: a call that needs more is rejected with 403 and a challenge. Not every
    /// client can follow it. Clients of the TypeScript SDK 1 that hold a refresh token cannot, and some clients do not call
    /// a tool that is not in their list: for these, set [`list_acquirable`](OperationsConfig::list_acquirable).
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public", "payroll:read:all"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES)
    ///     .initial_scopes([scope!("employees:read:public")])
    ///     .operations(|operations| operations.list_acquirable = true);
    /// # let _ = server;
    /// # }
    /// ```
    pub fn initial_scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.initial_scopes = Some(scopes.into_iter().map(Scope::name).collect());
        self
    }

    /// Requires a scope for every operation in addition to the operation's own scopes.
    pub fn require_for_all(mut self, scope: Scope) -> Self {
        self.required_for_all.push(scope.name());
        self
    }

    /// Adds a rule that disables operations: one for which the rule returns `true` is neither listed nor callable. The rule
    /// is evaluated for every list and every call, so what it reads can change while the server runs.
    ///
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let read_only = Arc::new(AtomicBool::new(false));
    /// let switch = Arc::clone(&read_only);
    /// let server = Server::new("company", &SCOPES)
    ///     .deny(move |operation| switch.load(Ordering::Relaxed) && operation.annotations.destructive == Some(true));
    ///
    /// read_only.store(true, Ordering::Relaxed); // disables all destructive tools
    /// # let _ = server;
    /// # }
    /// ```
    pub fn deny(mut self, rule: impl Fn(&OperationPolicy) -> bool + Send + Sync + 'static) -> Self {
        self.deny.push(Box::new(rule));
        self
    }

    /// Returns the policy of the server: everything that decides who may call which operation. It needs neither a
    /// validator nor states.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["mcp:connect", "tickets:read"]);
    /// /// Read a ticket.
    /// #[tool(scopes = "tickets:read", read_only)]
    /// async fn ticket(ticket_id: String) -> String {
    ///     format!("{ticket_id} is open")
    /// }
    ///
    /// # fn main() {
    /// let server = Server::new("tickets", &SCOPES).require_for_all(scope!("mcp:connect"));
    /// assert_eq!(server.policy().operations[0].requirement(), "tickets:read and mcp:connect");
    /// # }
    /// ```
    pub fn policy(&self) -> Policy {
        let server = ServerRules {
            required_scopes: self.required_for_all.iter().map(|&scope| scope.to_owned()).collect(),
            conceal_forbidden: self.conceal,
            switches: self.deny.len(),
        };
        let mounted = self.mounts.iter().flat_map(Mount::descriptors);
        Policy::declared(&self.scope_lists, mounted, server)
    }

    /// Fails to build if the policy differs from a lock file, which was reviewed: see [`Policy::to_lock`]. Roles in the
    /// file are ignored, because the authorization server has them.
    ///
    /// `server.policy_lock(include_str!("../policy.lock"))` compares with the file at compile time;
    /// `std::fs::read_to_string` with the one at the place of deployment.
    pub fn policy_lock(mut self, lock: impl Into<String>) -> Self {
        self.policy_lock = Some(lock.into());
        self
    }

    /// Responds to a call that the token's scopes do not allow as if the operation did not exist, instead of with a
    /// challenge. Callers without the scopes cannot detect the operation, and clients cannot step up.
    ///
    /// ```
    /// # use toolgate::{prelude::*, testing::TestServer};
    /// # pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "tickets:read"]);
    /// /// Return the total payroll of a month.
    /// #[tool(scopes = "payroll:read:all", read_only)]
    /// async fn payroll_total(month: u32) -> String {
    ///     format!("the total of month {month}")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), toolgate::BuildError> {
    /// let server = TestServer::new(Server::new("company", &SCOPES).conceal_forbidden())?;
    /// let support = server.with_scopes(["tickets:read"]);
    /// support.call("payroll_total", json!({ "month": 7 })).await.hidden();
    /// # Ok(())
    /// # }
    /// ```
    pub fn conceal_forbidden(mut self) -> Self {
        self.conceal = true;
        self
    }

    /// Sets the key that signs `requestState`, the state of a call between two rounds ([`InputRequired::state`]), and
    /// approvals: at least 32 random bytes, the same on every replica. Default: a random key, so that a client must
    /// return to the same process.
    ///
    /// [`InputRequired::state`]: crate::input::InputRequired::state
    pub fn request_state_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        match RequestStateSigner::with_key(key.into()) {
            Ok(signer) => self.signer = Some(signer),
            Err(_) => self.problems.push(BuildProblem::ShortRequestStateKey),
        }
        self
    }

    /// Sets whether canonical requests are answered without rmcp, with the bytes that rmcp would send. Set `false` to
    /// check whether a response depends on it. Default: `true`.
    pub fn fast_path(mut self, enabled: bool) -> Self {
        self.fast_path = enabled;
        self
    }

    /// Accepts tokens without an audience. This removes the protection against tokens that were issued for another server
    /// of the same tenant if the authorization server does not name the resource.
    pub fn accept_tokens_without_audience(mut self) -> Self {
        if self.audience == AudiencePolicy::ThisServer {
            self.audience = AudiencePolicy::ThisServerOrUnknown;
        }
        self
    }

    /// Accepts tokens that were issued for other resources. This removes the protection against every other server of the
    /// same tenant: a server that receives a token can use it here.
    pub fn accept_tokens_for_any_resource(mut self) -> Self {
        self.audience = AudiencePolicy::Any;
        self
    }

    /// Fails to start if the [preflight check](crate::BuiltServer::preflight) has a fatal diagnostic. By default, the
    /// server starts unready (`/readyz`), retries, and becomes ready when the problem is fixed.
    pub fn require_preflight(mut self) -> Self {
        self.set_preflight(PreflightMode::Required);
        self
    }

    /// Starts without the [preflight check](crate::BuiltServer::preflight) and counts as ready until a token cannot be
    /// validated. The server still fetches the metadata and compares the scopes. It runs the check only
    /// when `/readyz` is requested while tokens cannot be validated.
    pub fn skip_preflight(mut self) -> Self {
        self.set_preflight(PreflightMode::Skipped);
        self
    }

    /// Prepares the server for use in process: it has `validator` instead of its own, and neither the configuration file,
    /// the environment nor a socket is used.
    #[cfg(any(feature = "cli", feature = "testing"))]
    pub(crate) fn in_process(mut self, validator: Arc<dyn TokenValidator>) -> Self {
        self.validator = Some(validator);
        self.provider = None;
        self.config.http.server_url = None;
        self.config.http.bind = None;
        self.config.http.metrics_address = None;
        self.config.http.console_address = None;
        self.config.audit.path = None;
        self.config.replication = super::config::ReplicationConfig::default();
        self.reads_environment = false;
        #[cfg(feature = "redis")]
        {
            self.replication = None;
        }
        self.task_store = None;
        #[cfg(feature = "approvals")]
        {
            self.approval_store = None;
        }
        self
    }

    /// Returns the name and the version of the server.
    #[cfg(feature = "cli")]
    pub(crate) fn name_and_version(&self) -> (&str, &str) {
        (&self.name, self.version_or_default())
    }

    /// Returns the scope lists of the server's operations.
    #[cfg(feature = "testing")]
    pub(crate) fn scope_lists(&self) -> &[&'static Scopes] {
        &self.scope_lists
    }

    fn set_preflight(&mut self, mode: PreflightMode) {
        let preflight = &mut self.config.preflight;
        if *preflight != PreflightMode::default() && *preflight != mode {
            self.problems.push(BuildProblem::ContradictingPreflight);
        }
        *preflight = mode;
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.name).field("config", &self.config).finish_non_exhaustive()
    }
}
