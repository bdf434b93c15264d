//! Building a server: checks every setting, reports all problems together, and connects the parts.

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use rmcp::model::{
    Implementation, JsonObject, PromptsCapability, ResourcesCapability, ServerCapabilities, ServerConfig,
    TASKS_EXTENSION_ID, ToolsCapability,
};
#[cfg(feature = "redis")]
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "approvals")]
use super::approvals::{self, ApprovalPagesConfig};
use super::{
    BuiltServer, Server,
    advertised_scopes::AdvertisedScopes,
    config::{Config, SettingValue},
    discovery::Discovery,
    health,
    landing_page::{self, LandingPage, LandingPageConfig},
    operation_review,
    preflight::{Probe, ProbeConfig},
    serve::Components,
    server_url::ServerUrl,
    startup::RevocationDelay,
    well_known::{self, ResourceMetadata},
};
#[cfg(all(feature = "approvals", feature = "redis"))]
use crate::approvals::{ApprovalStore, RedisApprovalStore};
#[cfg(feature = "approvals")]
use crate::{
    approvals::{Approvals, ApprovalsParts, MemoryApprovalStore},
    operation::Approver,
};
use crate::{
    audit::AuditLog,
    auth::{
        Authenticator, GuardedValidator, Readiness, Replicator, RevocationClock, Revocations, Route, TokenCache,
        TokenValidator,
    },
    error::{BuildError, BuildProblem},
    gate::{
        AllowedOrigins, BodyLimits, FastPath, Gate, HostNames, InFlightLimit, InFlightMaxima, RejectionLog,
        RejectionResponder, StreamLimit, StreamMaxima, SubscriptionGate, TrustedProxies, UnauthorizedPage,
        UnknownTokenLimit,
    },
    mcp::{self, McpService, McpServiceConfig, Sessions},
    operation::{RegisteredForm, RequestStateSigner},
    policy::Policy,
    registry::{Dispatcher, ListKind, ListSettings, Registry, RegistryConfig},
    scope::ScopeIndex,
    tasks::{MemoryTaskStore, TaskStore, Tasks},
};
#[cfg(feature = "redis")]
use crate::{
    replication::{Replica, Replication},
    tasks::RedisTaskStore,
};

impl Server {
    /// Checks every setting and builds the server.
    ///
    /// # Errors
    ///
    /// Every problem of the configuration, such as a state that an operation takes and the server does not have, two
    /// operations with the same name or URI, an invalid `SERVER_URL`, or a missing validator.
    pub fn build(mut self) -> Result<BuiltServer, BuildError> {
        let values = self.resolve_settings()?;
        let mut problems = std::mem::take(&mut self.problems);
        let parts = self.check(&mut problems);
        let validator = self.validator.take();
        match (&validator, &self.provider) {
            (Some(_), _) => {}
            (None, Some(_)) => problems.push(BuildProblem::ProvidedValidator),
            (None, None) => problems.push(BuildProblem::MissingValidator),
        }
        let (Some(parts), Some(validator)) = (parts, validator) else {
            return Err(BuildError::new(problems));
        };
        self.connect(parts, validator, values, problems)
    }

    /// Replaces the settings of the program with those of all layers. Returns each setting with its source.
    ///
    /// # Errors
    ///
    /// A setting cannot be read. The error has the problems of earlier calls, too.
    pub(super) fn resolve_settings(&mut self) -> Result<Vec<SettingValue>, BuildError> {
        match self.load_settings() {
            Ok(settings) => {
                let values;
                (self.config, values) = settings.into_config();
                Ok(values)
            }
            Err(error) => {
                self.problems.extend(error.problems().iter().cloned());
                Err(BuildError::new(std::mem::take(&mut self.problems)))
            }
        }
    }

    /// Checks everything that needs no validator, after [`resolve_settings`](Self::resolve_settings). Returns `None` if a
    /// part has problems.
    pub(super) fn check(&mut self, problems: &mut Vec<BuildProblem>) -> Option<Parts> {
        let server_url = collect(self.config.http.public_url(), problems);
        problems.extend(self.config.problems());
        self.config.http.metrics_address = metrics_address(&self.config);
        self.config.http.console_address = collect(console_address(&self.config), problems).flatten();
        problems.extend(unwritten_audit_file(&self.config));
        #[cfg(feature = "redis")]
        {
            let replication = configured_replication(self.replication.take(), &self.config);
            self.replication = collect(replication, problems).flatten();
            problems.extend(self.replication.iter().flat_map(Replication::problems));
        }
        problems.extend(RegisteredForm::problems().map(|(name, problem)| BuildProblem::Form { name, problem }));
        let policy = self.policy();
        if let Some(lock) = collect(self.read_policy_lock(), problems).flatten() {
            let difference = policy.check_lock(&lock).err();
            problems.extend(difference.map(|difference| BuildProblem::PolicyLock(difference.to_string())));
        }
        let index = Arc::new(ScopeIndex::new(self.scope_lists.iter().copied()));
        let unknown = self.required_for_all.iter().filter(|&&scope| index.bit(scope).is_none());
        problems.extend(unknown.map(|&scope| BuildProblem::UnknownRequiredScope(scope)));
        if self.conceal && self.config.operations.list_acquirable {
            problems.push(BuildProblem::ConcealedAcquirableTools);
        }
        let scopes = AdvertisedScopes::new(&index, self.initial_scopes.take());
        let scopes = scopes.map_err(|found| problems.extend(found));
        let mounted = std::mem::take(&mut self.mounts).into_iter().flat_map(|mount| {
            mount.into_operations().unwrap_or_else(|found| {
                problems.extend(found);
                Vec::new()
            })
        });
        let mounted = mounted.collect();
        let registry = Registry::new(RegistryConfig {
            lists: &self.scope_lists,
            index: &index,
            mounted,
            required_for_all: &self.required_for_all,
            states: std::mem::take(&mut self.states),
            deny: std::mem::take(&mut self.deny),
            default_timeout: self.config.operations.timeout,
            max_result_bytes: self.config.limits.max_result_bytes,
            lists_acquirable_tools: self.config.operations.list_acquirable,
        })
        .map_err(|found| problems.extend(found));
        let registry = Arc::new(registry.ok()?);
        problems.extend(self.approvals_problem(&registry));
        Some(Parts { registry, policy, index, scopes: scopes.ok()?, server_url: server_url? })
    }

    /// Connects the parts. The routes of the validator can still conflict with the MCP endpoint.
    #[expect(clippy::too_many_lines, reason = "a list: each part is created once and passed to those that use it")]
    pub(super) fn connect(
        self,
        parts: Parts,
        validator: Arc<dyn TokenValidator>,
        values: Vec<SettingValue>,
        mut problems: Vec<BuildProblem>,
    ) -> Result<BuiltServer, BuildError> {
        let version = self.version_or_default().to_owned();
        let has_console = self.config.http.console_address.is_some();
        let lists =
            ListSettings { ttl: self.config.operations.list_ttl, page_size: self.config.operations.list_page_size };
        let dispatcher = parts.dispatcher(self.conceal, lists, has_console);
        let Parts { registry, policy, index, scopes, server_url } = parts;
        let mut config = self.config;
        let bind = config.http.bind_address();
        let endpoint_path = config.http.endpoint_path.clone();
        let resource = server_url.resource(&endpoint_path);
        let reports_revocations = validator.reports_revocations();
        let ttl = config.token_cache.effective_ttl(reports_revocations);
        config.token_cache.ttl = Some(ttl);
        let stale_if_error = config.token_cache.stale_if_error;
        let revocation_clock = revocation_clock(ttl.saturating_add(stale_if_error));

        #[cfg(feature = "redis")]
        let replica = self.replication.and_then(|replication| {
            let replica = replication.into_replica(Arc::clone(&revocation_clock), ttl, &resource);
            collect(replica, &mut problems)
        });
        #[cfg(feature = "redis")]
        let replicator = replica.clone().map(|replica: Arc<Replica>| replica as Arc<dyn Replicator>);
        #[cfg(not(feature = "redis"))]
        let replicator: Option<Arc<dyn Replicator>> = None;
        let revocations = Revocations::new(Arc::clone(&revocation_clock), replicator.clone());

        let has_tasks = registry.operations().iter().any(|operation| operation.descriptor().has_tasks());
        let tasks = has_tasks.then(|| {
            #[cfg(feature = "redis")]
            let default = || default_task_store(replica.as_deref());
            #[cfg(not(feature = "redis"))]
            let default = || Ok(Arc::new(MemoryTaskStore::default()) as Arc<dyn TaskStore>);
            let store = collect(self.task_store.map_or_else(default, Ok), &mut problems)?;
            Some(Arc::new(Tasks::new(Arc::clone(&dispatcher), store, config.tasks.limits())))
        });
        let tasks = tasks.flatten();

        let routes = validator.routes(revocations.clone());
        #[cfg(feature = "approvals")]
        let callback = registry.first_with_approval().map(|_| approvals::CALLBACK_PATH);
        #[cfg(not(feature = "approvals"))]
        let callback = None;
        if has_conflict(&endpoint_path, server_url.path(), &routes, callback) {
            problems.push(BuildProblem::EndpointConflict(endpoint_path.clone()));
        }
        let proxies = TrustedProxies::parse(&config.http.trusted_proxies).unwrap_or_default();
        if !problems.is_empty() {
            return Err(BuildError::new(problems));
        }

        operation_review::log(&registry, &self.scope_lists);
        let (stopping, shutdown) = (CancellationToken::new(), CancellationToken::new());
        let readiness = Arc::new(Readiness::default());
        let discovery =
            Arc::new(Discovery::new(Arc::clone(&validator), server_url.base().to_owned(), scopes.initial.clone()));
        let public = PublicNames::new(&server_url, &endpoint_path);
        let authenticator = Arc::new(
            Authenticator::new(
                GuardedValidator::new(Arc::clone(&validator), Arc::clone(&readiness)),
                TokenCache::new(config.token_cache.clone(), Arc::clone(&revocation_clock)),
                Arc::clone(&index),
                resource.clone(),
                self.audience,
            )
            .with_equivalents(public.resources[1..].to_vec())
            .with_replicator(replicator),
        );
        let page = config.http.landing_page.then(|| {
            Arc::new(LandingPage::new(LandingPageConfig {
                name: &self.name,
                title: self.title.as_deref(),
                endpoint: &resource,
                base_path: server_url.path(),
                base_url: server_url.base(),
                texts: validator.texts(),
                discovery: Arc::clone(&discovery),
                readiness: Arc::clone(&readiness),
            }))
        });
        let notifications = self.notifications;
        notifications.configure(config.subscriptions.check_interval, config.subscriptions.max_resources);
        let subscriptions = SubscriptionGate::new(
            notifications.clone(),
            Arc::clone(&authenticator),
            Arc::clone(&revocation_clock),
            ttl,
        );
        let gate = Arc::new(Gate {
            origins: AllowedOrigins::new(server_url.url(), &config.http.allowed_hosts, &config.http.allowed_origins),
            proxies,
            in_flight: Arc::new(InFlightLimit::new(in_flight_maxima(&config))),
            sessions: sessions_of(&config, &stopping, &shutdown),
            streams: Arc::new(StreamLimit::new(stream_maxima(&config))),
            unknown_tokens: UnknownTokenLimit::new(config.limits.max_unknown_tokens),
            authenticator,
            subscriptions,
            revocation_clock,
            max_token_bytes: config.http.max_token_bytes,
            body_limits: body_limits(&config),
            dispatcher: Arc::clone(&dispatcher),
            fast_path: self.fast_path.then(FastPath::default),
            responder: public.responder(&scopes),
            rejection_log: RejectionLog::default(),
            unauthorized_page: page.clone().map(|page| page as Arc<dyn UnauthorizedPage>),
        });
        let metadata = public.metadata(self.title.as_ref().unwrap_or(&self.name).clone(), scopes);
        #[cfg(feature = "console")]
        let title = self.title.as_ref().unwrap_or(&self.name).clone();
        let signer = config.operations.signer().ok().flatten().or(self.signer);
        let signer = signer.unwrap_or_else(RequestStateSigner::random);
        #[cfg(feature = "approvals")]
        let approvals = callback.map(|_| {
            #[cfg(feature = "redis")]
            let shared = replica.as_ref().map(|replica| -> Arc<dyn ApprovalStore> {
                Arc::new(RedisApprovalStore::new(replica.redis_client()))
            });
            #[cfg(not(feature = "redis"))]
            let shared = None;
            let approvals = Arc::new(Approvals::new(ApprovalsParts {
                store: self.approval_store.or(shared).unwrap_or_else(|| Arc::new(MemoryApprovalStore::default())),
                signer: signer.clone(),
                base_url: server_url.base().to_owned(),
                resource: resource.clone(),
                lifetime: config.approvals.lifetime,
                wait: config.approvals.wait,
            }));
            registry.set_approver(Arc::clone(&approvals) as Arc<dyn Approver>);
            approvals::router(ApprovalPagesConfig {
                approvals,
                gate: Arc::clone(&gate),
                discovery: Arc::clone(&discovery),
                signer: signer.clone(),
                index: Arc::clone(&index),
                server_url: &server_url,
                resource: &resource,
                title: self.title.as_ref().unwrap_or(&self.name),
                client_id: config.approvals.client_id.clone(),
                client_secret: config.approvals.client_secret.clone(),
            })
        });
        let implementation = Implementation::new(self.name.clone(), version);
        let mcp = McpService::new(McpServiceConfig {
            dispatcher,
            info: server_info(&registry, implementation, self.title, self.instructions, has_tasks),
            tasks: tasks.clone(),
            notifications: notifications.clone(),
            max_body_bytes: config.http.max_body_bytes,
            signer,
            shutdown: shutdown.clone(),
        });
        let revocation_delay = RevocationDelay { ttl, stale_if_error, reports_revocations, texts: validator.texts() };
        let probe = Arc::new(Probe::new(ProbeConfig {
            validator,
            discovery: Arc::clone(&discovery),
            readiness,
            gate: Arc::clone(&gate),
            declared_scopes: index.names().to_vec(),
            registry: Arc::clone(&registry),
        }));
        let mut taken = vec![endpoint_path.clone()];
        taken.extend(routes.iter().map(|route| route.path.to_owned()));
        let landing_page = page.map(|page| landing_page::router(page, Arc::clone(&gate), &taken));
        let operations = with_routes(health::router(Arc::clone(&probe), &shutdown), routes, server_url.path());
        Ok(BuiltServer::new(Components {
            #[cfg(feature = "console")]
            title,
            name: self.name,
            metadata: well_known::router(metadata, discovery, &server_url, &endpoint_path),
            landing_page,
            #[cfg(feature = "approvals")]
            approvals,
            operations,
            settings: values,
            preflight: config.preflight,
            revocation_delay,
            revocations,
            notifications,
            probe,
            gate,
            mcp,
            tasks,
            http: config.http,
            base_path: server_url.path().to_owned(),
            resource,
            bind,
            registry,
            policy,
            index,
            stopping,
            shutdown,
            #[cfg(feature = "redis")]
            replica,
        }))
    }

    /// Returns a problem if a tool needs approvals that this server cannot have.
    #[cfg_attr(not(feature = "approvals"), expect(clippy::unused_self, reason = "only approvals have settings"))]
    fn approvals_problem(&self, registry: &Registry) -> Option<BuildProblem> {
        let tool = registry.first_with_approval()?;
        if !cfg!(feature = "approvals") {
            return Some(BuildProblem::ApprovalsFeature(tool));
        }
        #[cfg(feature = "approvals")]
        {
            let has_key = self.signer.is_some() || self.config.operations.request_state_key.is_some();
            let is_shared = self.approval_store.is_some();
            #[cfg(feature = "redis")]
            let is_shared = is_shared || self.replication.is_some();
            if is_shared && !has_key {
                return Some(BuildProblem::ApprovalsKey(tool));
            }
        }
        None
    }

    /// Returns the lock file of the settings, or the one that the program passed.
    fn read_policy_lock(&mut self) -> Result<Option<String>, BuildProblem> {
        let Some(path) = &self.config.policy_lock else { return Ok(self.policy_lock.take()) };
        fs::read_to_string(path)
            .map(Some)
            .map_err(|error| BuildProblem::PolicyLockFile { path: path.clone(), problem: error.to_string() })
    }
}

/// Returns the address of the metrics endpoint, if it can be served.
fn metrics_address(config: &Config) -> Option<SocketAddr> {
    let address = config.http.metrics_address?;
    if !cfg!(feature = "prometheus") {
        tracing::warn!("a metrics address is set, but toolgate was built without the feature `prometheus`");
        return None;
    }
    Some(address)
}

/// Returns a problem if the settings name a file for the audit log that the program does not write.
fn unwritten_audit_file(config: &Config) -> Option<BuildProblem> {
    let path = config.audit.path.as_ref()?;
    #[cfg(all(feature = "audit-file", feature = "logging"))]
    if crate::logging::writes_audit_file(path) {
        return None;
    }
    Some(BuildProblem::AuditFileNotWritten(path.clone()))
}

/// Returns the address of the console, if it can be served.
fn console_address(config: &Config) -> Result<Option<SocketAddr>, BuildProblem> {
    let Some(address) = config.http.console_address else { return Ok(None) };
    if !cfg!(feature = "console") {
        tracing::warn!("a console address is set, but toolgate was built without the feature `console`");
        return Ok(None);
    }
    if !address.ip().is_loopback() && !config.http.expose_console_without_authentication {
        return Err(BuildProblem::ConsoleAddress(address));
    }
    Ok(Some(address))
}

/// Returns the replication of the settings, which take precedence over that of the program.
#[cfg(feature = "redis")]
fn configured_replication(code: Option<Replication>, config: &Config) -> Result<Option<Replication>, BuildProblem> {
    let config = &config.replication;
    let mut replication = match (&config.url, code) {
        (Some(url), code) => Replication::redis(url.clone()).with_options_of(code),
        (None, Some(code)) => code,
        (None, None) if config.key_prefix.is_some() || config.shared_cache_secret.is_some() => {
            return Err(BuildProblem::MissingRedisUrl);
        }
        (None, None) => return Ok(None),
    };
    if let Some(prefix) = &config.key_prefix {
        replication = replication.key_prefix(prefix);
    }
    if let Some(secret) = &config.shared_cache_secret {
        replication = replication.shared_cache(secret.expose_secret());
    }
    Ok(Some(replication))
}

/// Returns the store of tasks for a program that sets none: in the Redis of the replicas, or in memory.
#[cfg(feature = "redis")]
fn default_task_store(replica: Option<&Replica>) -> Result<Arc<dyn TaskStore>, BuildProblem> {
    match replica.map(Replica::records) {
        None => Ok(Arc::new(MemoryTaskStore::default())),
        Some(Some(records)) => Ok(Arc::new(RedisTaskStore::new(Arc::clone(records)))),
        Some(None) => Err(BuildProblem::UnencryptedTasks),
    }
}

/// Returns a clock for introspection responses that are used for at most `max_age`. A revocation matters as long as a
/// response from before it could be used.
fn revocation_clock(max_age: Duration) -> Arc<RevocationClock> {
    Arc::new(RevocationClock::new(max_age.saturating_add(Duration::from_mins(1))))
}

fn in_flight_maxima(config: &Config) -> InFlightMaxima {
    InFlightMaxima {
        requests: config.limits.max_requests_in_flight,
        requests_per_caller: config.limits.max_requests_per_caller,
        body_memory: config.limits.max_body_memory,
    }
}

fn sessions_of(config: &Config, stopping: &CancellationToken, shutdown: &CancellationToken) -> Option<Arc<Sessions>> {
    let maxima = config.sessions.maxima()?;
    Some(Arc::new(Sessions::new(maxima, stopping.clone(), shutdown)))
}

fn stream_maxima(config: &Config) -> StreamMaxima {
    StreamMaxima { streams: config.limits.max_streams, streams_per_caller: config.limits.max_streams_per_caller }
}

fn body_limits(config: &Config) -> BodyLimits {
    BodyLimits {
        bytes: config.http.max_body_bytes,
        message_bytes: config.http.max_message_bytes,
        parsed_bytes: config.limits.max_parsed_bytes,
        timeout: config.http.body_timeout,
    }
}

/// Returns what the server declares about itself. A capability is declared exactly if the server has operations of its kind;
/// a server without any operations declares tools.
fn server_info(
    registry: &Registry,
    mut implementation: Implementation,
    title: Option<String>,
    instructions: Option<String>,
    has_tasks: bool,
) -> ServerConfig {
    implementation.title = title;
    let mut capabilities = ServerCapabilities::default();
    capabilities.tools = registry.serves(ListKind::Tools).then(ToolsCapability::default);
    capabilities.prompts = registry.serves(ListKind::Prompts).then(PromptsCapability::default);
    capabilities.resources = registry.serves(ListKind::Resources).then(ResourcesCapability::default);
    capabilities.completions = registry.has_completions().then(crate::JsonObject::default);
    mcp::declare_notifications(&mut capabilities);
    if has_tasks {
        capabilities.extensions.get_or_insert_default().insert(TASKS_EXTENSION_ID.to_owned(), JsonObject::new());
    }
    let mut info = ServerConfig::new(capabilities);
    info.server_info = implementation;
    info.instructions = instructions;
    info
}

/// Adds the routes of the validator, at their paths and below the path of `SERVER_URL`, which a proxy may or may not
/// remove.
fn with_routes(mut operations: Router, routes: Vec<Route>, base_path: &str) -> Router {
    for Route { path, handler } in routes {
        operations = operations.route(path, handler.clone());
        if !base_path.is_empty() {
            operations = operations.route(&format!("{base_path}{path}"), handler);
        }
    }
    operations
}

/// The names under which clients know the server; the first is that of `SERVER_URL`.
struct PublicNames {
    hosts: HostNames,
    /// The resource under each name.
    resources: Vec<String>,
    /// URL of the protected resource metadata under each name.
    metadata_urls: Vec<String>,
}

impl PublicNames {
    fn new(server_url: &ServerUrl, endpoint_path: &str) -> Self {
        let urls = server_url.equivalents();
        let names = match urls.as_slice() {
            [_] => Vec::new(),
            urls => urls.iter().map(|url| url.url().authority().to_owned()).collect(),
        };
        Self {
            hosts: HostNames::new(names),
            resources: urls.iter().map(|url| url.resource(endpoint_path)).collect(),
            metadata_urls: urls.iter().map(|url| well_known::protected_resource_url(url, endpoint_path)).collect(),
        }
    }

    fn responder(&self, scopes: &AdvertisedScopes) -> RejectionResponder {
        let initial = scopes.initial.as_deref().unwrap_or_default();
        RejectionResponder::new(&self.metadata_urls, initial, self.hosts.clone())
    }

    fn metadata(self, name: String, scopes: AdvertisedScopes) -> ResourceMetadata {
        ResourceMetadata { name, resources: self.resources, names: self.hosts, scopes: scopes.supported }
    }
}

/// Parts that are valid on their own.
pub(super) struct Parts {
    registry: Arc<Registry>,
    policy: Policy,
    pub(super) index: Arc<ScopeIndex>,
    scopes: AdvertisedScopes,
    pub(super) server_url: ServerUrl,
}

impl Parts {
    #[cfg_attr(not(feature = "console"), expect(unused_variables, reason = "there is no console"))]
    fn dispatcher(&self, conceal: bool, lists: ListSettings, has_console: bool) -> Arc<Dispatcher> {
        let audit = AuditLog::new(self.policy.fingerprint());
        #[cfg(feature = "console")]
        let audit = if has_console { audit.keep_recent() } else { audit };
        Arc::new(Dispatcher::new(Arc::clone(&self.registry), audit, conceal, lists))
    }
}

/// Moves an error to the list of problems.
fn collect<T>(result: Result<T, BuildProblem>, problems: &mut Vec<BuildProblem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

/// Returns whether the MCP endpoint, at its path or below the base path, has the path of another route. `callback` is that
/// of approvals, if the server has them.
fn has_conflict(endpoint: &str, base_path: &str, routes: &[Route], callback: Option<&str>) -> bool {
    let below_base = |path: &str| format!("{base_path}{path}");
    let others = routes.iter().flat_map(|route| [route.path.to_owned(), below_base(route.path)]);
    let own = [health::ALIVE, health::READY].into_iter().chain(callback).map(str::to_owned);
    own.chain(others).any(|path| {
        let path = path.trim_end_matches('/');
        path == endpoint || path == below_base(endpoint)
    })
}
