//! Connecting the parts: each is created once and passed to those that use it.

use std::{sync::Arc, time::Duration};

use rmcp::model::Implementation;
use tokio_util::sync::CancellationToken;

use super::{Parts, collect, public_names::PublicNames, server_info::server_info};
#[cfg(all(feature = "approvals", feature = "redis"))]
use crate::approvals::{ApprovalStore, RedisApprovalStore};
#[cfg(feature = "rates")]
use crate::rates::{Rates, RatesParts};
#[cfg(feature = "approvals")]
use crate::server::approvals::{self, ApprovalPages, ApprovalPagesConfig};
#[cfg(feature = "tls")]
use crate::server::tls::Tls;
#[cfg(feature = "approvals")]
use crate::{
    approvals::{Approvals, ApprovalsParts, MemoryApprovalStore},
    operation::Approver,
};
use crate::{
    auth::{
        Authenticator, Readiness, Replicator, Resource, RevocationClock, Revocations, Route, TokenCache,
        UserDirectory, ValidatorChain, Validators,
    },
    error::{BuildError, BuildProblem},
    gate::{
        AllowedOrigins, BodyLimits, FastPath, Gate, InFlightLimit, InFlightMaxima, RejectionLog, StreamLimit,
        StreamMaxima, SubscriptionGate, TrustedProxies, UnknownTokenLimit,
    },
    mcp::{McpService, McpServiceConfig, Sessions},
    operation::RequestStateSigner,
    registry::ListSettings,
    server::{
        BuiltServer, Server,
        config::{Config, SettingValue},
        discovery::Discovery,
        health, operation_review,
        preflight::{Probe, ProbeConfig},
        serve::Components,
        startup::RevocationDelay,
        well_known::Documents,
    },
    tasks::{MemoryTaskStore, TaskStore, Tasks},
};
#[cfg(feature = "landing-page")]
use crate::{
    gate::UnauthorizedPage,
    server::landing_page::{LandingPage, LandingPageConfig},
};
#[cfg(feature = "redis")]
use crate::{replication::Replica, tasks::RedisTaskStore};

impl Server {
    /// Connects the parts. The routes of the validator can still conflict with the MCP endpoint.
    #[expect(clippy::too_many_lines, reason = "a list: each part is created once and passed to those that use it")]
    pub(in crate::server) fn connect(
        self,
        parts: Parts,
        validators: Validators,
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
        let reports_revocations = validators.report_revocations();
        let ttl = config.token_cache.effective_ttl(reports_revocations);
        config.token_cache.ttl = Some(ttl);
        let stale_if_error = config.token_cache.stale_if_error;
        let revocation_clock = revocation_clock(ttl.saturating_add(stale_if_error), &validators);

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

        let routes = validators.routes(&revocations);
        let validators = Arc::new(validators);
        #[cfg(feature = "approvals")]
        let callback = registry.first_with_approval().map(|_| approvals::CALLBACK_PATH);
        #[cfg(not(feature = "approvals"))]
        let callback = None;
        if has_conflict(&endpoint_path, server_url.path(), &routes, callback) {
            problems.push(BuildProblem::EndpointConflict(endpoint_path.clone()));
        }
        #[cfg(feature = "tls")]
        let tls = collect(Tls::from_config(&config.http).map_err(BuildProblem::from), &mut problems).flatten();
        let proxies = TrustedProxies::parse(&config.http.trusted_proxies).unwrap_or_default();
        if !problems.is_empty() {
            return Err(BuildError::new(problems));
        }

        operation_review::log(&registry, &self.scope_lists);
        let (stopping, shutdown) = (CancellationToken::new(), CancellationToken::new());
        let readiness = Arc::new(Readiness::new(validators.iter().len()));
        let discovery =
            Arc::new(Discovery::new(Arc::clone(&validators), server_url.base().to_owned(), scopes.initial.clone()));
        let public = PublicNames::new(&server_url, &endpoint_path);
        let own_resource = Resource::new(&resource).with_equivalents(public.resources[1..].to_vec());
        let own_resource = Arc::new(own_resource);
        let directory = validators.directory();
        let directory =
            directory.map(|(directory, users)| Arc::new(UserDirectory::new(directory, users, &revocation_clock)));
        let authenticator = Arc::new(
            Authenticator::new(
                ValidatorChain::new(&validators, &readiness, &own_resource),
                TokenCache::new(config.token_cache.clone(), Arc::clone(&revocation_clock)),
                Arc::clone(&index),
                own_resource,
                self.audience,
            )
            .with_replicator(replicator)
            .with_directory(directory),
        );
        #[cfg(feature = "landing-page")]
        let page = config.http.landing_page.then(|| {
            Arc::new(LandingPage::new(LandingPageConfig {
                name: &self.name,
                title: self.title.as_deref(),
                endpoint: &resource,
                base_path: server_url.path(),
                base_url: server_url.base(),
                texts: validators.texts(),
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
        #[cfg(feature = "rates")]
        let rates = Rates::new(RatesParts {
            caller: config.rates.caller,
            roles: &config.rates.roles,
            registry: &registry,
            max_counters: config.rates.max_counters,
            clock: self.rate_clock,
            #[cfg(feature = "redis")]
            shared: replica.as_deref().map(Replica::rates),
        });
        #[cfg(not(feature = "rates"))]
        let rates = None;
        let gate = Arc::new(Gate {
            origins: AllowedOrigins::new(server_url.url(), &config.http.allowed_hosts, &config.http.allowed_origins),
            proxies,
            in_flight: Arc::new(InFlightLimit::new(in_flight_maxima(&config))),
            rates,
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
            #[cfg(feature = "landing-page")]
            unauthorized_page: page.clone().map(|page| page as Arc<dyn UnauthorizedPage>),
            #[cfg(not(feature = "landing-page"))]
            unauthorized_page: None,
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
            Arc::new(ApprovalPages::new(ApprovalPagesConfig {
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
            }))
        });
        let implementation = Implementation::new(self.name.clone(), version.clone());
        let mcp = McpService::new(McpServiceConfig {
            dispatcher,
            info: server_info(&registry, implementation, self.title, self.instructions, has_tasks),
            tasks: tasks.clone(),
            notifications: notifications.clone(),
            max_body_bytes: config.http.max_body_bytes,
            signer,
            shutdown: shutdown.clone(),
        });
        let revocation_delay = RevocationDelay {
            ttl,
            stale_if_error,
            reports_revocations,
            self_contained_lifetime: validators.self_contained_lifetime(),
            texts: validators.revocation_texts(),
        };
        let probe = Arc::new(Probe::new(ProbeConfig {
            validators,
            discovery: Arc::clone(&discovery),
            readiness,
            gate: Arc::clone(&gate),
            declared_scopes: index.names().to_vec(),
            registry: Arc::clone(&registry),
        }));
        let health = health::router(Arc::clone(&probe), &version, &shutdown);
        Ok(BuiltServer::new(Components {
            #[cfg(feature = "tls")]
            tls,
            #[cfg(feature = "console")]
            title,
            name: self.name,
            version,
            documents: Arc::new(Documents::new(metadata, discovery)),
            #[cfg(feature = "landing-page")]
            landing_page: page,
            #[cfg(feature = "approvals")]
            approvals,
            health,
            routes,
            settings: values,
            #[cfg(all(feature = "logging", unix))]
            log_filter: self.log_filter,
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
            required_for_all: self.required_for_all,
            stopping,
            shutdown,
            #[cfg(feature = "redis")]
            replica,
        }))
    }
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

/// Returns a clock for introspection responses that are used for at most `max_age`, and for the self-contained tokens of
/// the validators. A revocation matters as long as a response or such a token from before it could be used.
fn revocation_clock(max_age: Duration, validators: &Validators) -> Arc<RevocationClock> {
    let clock = RevocationClock::new(max_age.saturating_add(Duration::from_mins(1)));
    Arc::new(clock.for_self_contained_tokens(validators.self_contained_lifetime()))
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
