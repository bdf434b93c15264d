//! The builder of a server.

mod policy;
mod settings;
mod stores;

use std::{path::PathBuf, sync::Arc};

use super::{config::Config, mount::Mount};
#[cfg(feature = "rates")]
use crate::rates::RateClock;
#[cfg(feature = "redis")]
use crate::replication::Replication;
use crate::{
    auth::{AudiencePolicy, AuthProvider, IntoValidators, Validators},
    error::BuildProblem,
    notifications::Notifications,
    operation::{OperationDescriptor, RequestStateSigner, ServerState, States},
    registry::DenyRule,
    scope::{Roles, Scopes},
    settings::CommandLine,
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
    pub(super) validators: Option<Validators>,
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
    /// The roles of the authorization server, if the program declares them.
    pub(super) roles: Option<&'static Roles>,
    #[cfg(feature = "rates")]
    pub(super) rate_clock: RateClock,
    pub(super) required_for_all: Vec<&'static str>,
    /// `None` if clients are to request all scopes.
    pub(super) initial_scopes: Option<Vec<&'static str>>,
    pub(super) deny: Vec<DenyRule>,
    pub(super) mounts: Vec<Mount>,
    pub(super) conceal: bool,
    pub(super) fast_path: bool,
    pub(super) signer: Option<RequestStateSigner>,
    /// Where the filter of the log is set, once the settings have been read.
    #[cfg(all(feature = "logging", unix))]
    pub(super) log_filter: Option<crate::logging::FilterSource>,
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
            validators: None,
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
            roles: None,
            #[cfg(feature = "rates")]
            rate_clock: RateClock::new(),
            required_for_all: Vec::new(),
            initial_scopes: None,
            deny: Vec::new(),
            mounts: Vec::new(),
            conceal: false,
            fast_path: true,
            signer: None,
            #[cfg(all(feature = "logging", unix))]
            log_filter: None,
            task_store: None,
            policy_lock: None,
            problems: Vec::new(),
        }
    }

    /// Sets the token validator, or several that [`TokenValidator::or`](crate::auth::TokenValidator::or) combines. Call it
    /// once.
    pub fn auth(mut self, validator: impl IntoValidators) -> Self {
        self.require_no_validator();
        self.validators = Some(validator.into_validators());
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
        if self.validators.is_some() || self.provider.is_some() {
            self.problems.push(BuildProblem::DuplicateValidator);
        }
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

    /// Sets whether canonical requests are answered without rmcp, with the bytes that rmcp would send. Set `false` to
    /// check whether a response depends on it. Default: `true`.
    pub fn fast_path(mut self, enabled: bool) -> Self {
        self.fast_path = enabled;
        self
    }

    /// Prepares the server for use in process: it has `validator` instead of its own, and neither the configuration file,
    /// the environment nor a socket is used.
    #[cfg(any(feature = "cli", feature = "testing"))]
    pub(crate) fn in_process(mut self, validator: Arc<dyn crate::auth::TokenValidator>) -> Self {
        self.validators = Some(Validators::single(validator));
        self.provider = None;
        self.config.http.server_url = None;
        self.config.http.bind = None;
        self.config.http.tls_certificate = None;
        self.config.http.tls_key = None;
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
        #[cfg(feature = "rates")]
        {
            self.rate_clock = RateClock::manual();
        }
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

    /// Returns the clock of rates.
    #[cfg(all(feature = "rates", feature = "testing"))]
    pub(crate) fn rate_clock(&self) -> RateClock {
        self.rate_clock.clone()
    }

    /// Returns the scope lists of the server's operations.
    #[cfg(feature = "testing")]
    pub(crate) fn scope_lists(&self) -> &[&'static Scopes] {
        &self.scope_lists
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.name).field("config", &self.config).finish_non_exhaustive()
    }
}
