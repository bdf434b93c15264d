//! Problems found by `Server::build`, which reports all of them together.

use std::{fmt, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use super::{CertificateError, FormProblem};

use crate::{operation_kind::OperationKind, settings::ConfigError};

/// Every problem that [`Server::build`](crate::Server::build) found.
///
/// `Debug` prints the same text as `Display`.
#[derive(Clone, PartialEq, Eq, Error)]
pub struct BuildError {
    problems: Vec<BuildProblem>,
}

impl BuildError {
    /// Keeps each problem once.
    pub(crate) fn new(found: Vec<BuildProblem>) -> Self {
        let mut problems = Vec::with_capacity(found.len());
        for problem in found {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        Self { problems }
    }

    /// Returns the problems, in no particular order.
    pub fn problems(&self) -> &[BuildProblem] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => problem.fmt(f),
            problems => {
                write!(f, "the server cannot be built:")?;
                problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
            }
        }
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A problem of a server's configuration. Its text says what is wrong and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildProblem {
    /// `Server::auth` was not called.
    #[error("no token validator: add `.auth(..)`, for example `.auth(PropelAuth::from_env()?)`")]
    MissingValidator,
    /// `Server::build` was called on a server with a provider.
    #[error(
        "`auth_from` creates the token validator when the server starts: call `serve` instead of `build`, or set a \
         validator with `auth`"
    )]
    ProvidedValidator,
    /// `Server::auth` or `Server::auth_from` was called although the server has a validator.
    #[error("a server has one token validator: call `auth` or `auth_from` once")]
    DuplicateValidator,
    /// `Server::state` was called more than once with the same type.
    #[error("`state` was called twice with a `{0}`: a server holds one value of each type")]
    DuplicateState(&'static str),
    /// An operation takes a state that the server does not have.
    #[error("the {kind} `{name}` takes `&{state}`, which the server does not have: add `.state(..)` with one")]
    MissingState {
        /// Whether it is a tool, a prompt or a resource.
        kind: OperationKind,
        /// Name of the tool or prompt, or URI of the resource.
        name: &'static str,
        /// Name of the type.
        state: &'static str,
    },
    /// `Server::initial_scopes` was called without a scope that clients can request.
    #[error(
        "`initial_scopes` has no scope: clients would request all scopes or none; add one, or leave the call out to advertise \
         all scopes"
    )]
    NoInitialScopes,
    /// `Server::initial_scopes` has a scope that is in no list of the server.
    #[error("`initial_scopes` has `{0}`, which is in no scope list of this server")]
    UnknownInitialScope(&'static str),
    /// Acquirable tools are to be listed, and forbidden tools are to be concealed.
    #[error("`operations.list_acquirable` lists the tools that `conceal_forbidden` conceals: remove one of them")]
    ConcealedAcquirableTools,
    /// The policy differs from the lock file of `Server::policy_lock`.
    #[error("the policy is not that of `policy_lock`: {0}")]
    PolicyLock(String),
    /// Two tools or two prompts have the same name, or two resources have the same URI.
    #[error(
        "two {kind}s are named `{name}`, at {} and at {}: change one with `#[{kind}({} = \"..\")]`",
        .defined_at[0], .defined_at[1], if *kind == OperationKind::Resource { "uri" } else { "name" }
    )]
    DuplicateOperation {
        /// Whether they are tools, prompts or resources.
        kind: OperationKind,
        /// Name of the tools or prompts, or URI of the resources.
        name: &'static str,
        /// File and line of both functions.
        defined_at: [&'static str; 2],
    },
    /// One URI can belong to two resources, which can have different policies: two URI templates that it can match, or a URI
    /// that has another spelling which a template matches.
    #[error(
        "a URI can belong to both `{}` and `{}`: change one of them, for example by another segment",
        .0[0], .0[1]
    )]
    AmbiguousTemplates([&'static str; 2]),
    /// A mounted server did not list its operations.
    #[error("the mounted server cannot be listed: {0}")]
    UnlistedMount(String),
    /// The policy of a mounted server names an operation that the server does not list.
    #[error(
        "`mount`: the policy names the {kind} `{name}`, which the server does not list: correct the name or remove it"
    )]
    MissingMountedOperation {
        /// Whether it is a tool, a prompt or a resource.
        kind: OperationKind,
        /// Name of the tool or prompt, or URI of the resource.
        name: &'static str,
    },
    /// A mounted server has a resource that its policy does not name, and that a named URI template matches.
    #[error(
        "`mount`: the policy names `{template}`, which also matches `{uri}` of the server: name `{uri}`, too, or remove the \
         template"
    )]
    UnnamedMountedResource {
        /// URI or URI template of the resource.
        uri: String,
        /// URI template that the policy names.
        template: &'static str,
    },
    /// An operation was checked against a copy of the server's scope list, because the list is a `const`.
    #[error(
        "the {kind} `{name}` ({defined_at}) is checked against another list with the same scopes: declare the list once, \
         as a `static` (not a `const`), and pass that one to `Server::new`"
    )]
    CopiedScopeList {
        /// Whether it is a tool, a prompt or a resource.
        kind: OperationKind,
        /// Name of the tool or prompt, or URI of the resource.
        name: &'static str,
        /// File and line of its function.
        defined_at: &'static str,
    },
    /// An operation cannot be registered.
    #[error("the {kind} `{name}`: {problem}")]
    Operation {
        /// Whether it is a tool, a prompt or a resource.
        kind: OperationKind,
        /// Name of the tool or prompt, or URI of the resource.
        name: &'static str,
        /// The problem.
        problem: OperationProblem,
    },
    /// A type that derives `Form` cannot be a form.
    #[error("`{name}` cannot be a form: {problem}")]
    Form {
        /// Name of the type.
        name: &'static str,
        /// The problem.
        problem: FormProblem,
    },
    /// `Server::require_for_all` names a scope of another list.
    #[error("`require_for_all(\"{0}\")` names a scope that is not in the server's scope lists")]
    UnknownRequiredScope(&'static str),
    /// `BuiltServer::gate_layer` names a scope of another list.
    #[error("`gate_layer` names the scope `{0}`, which is not in the server's scope lists")]
    UnknownRouteScope(&'static str),
    /// A setting of the configuration file, of the environment or of the command line cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The lock file of the policy cannot be read.
    #[error("cannot read the policy lock {}, which `policy_lock` names: {problem}", .path.display())]
    PolicyLockFile {
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        problem: String,
    },
    /// One of the two settings of TLS is missing.
    #[error("`{present}` is set, and `{missing}` is not: TLS needs both")]
    IncompleteTls {
        /// Key of the setting that is there.
        present: &'static str,
        /// Key of the setting that is missing.
        missing: &'static str,
    },
    /// The server has TLS, and its public URL is an `http` URL.
    #[error(
        "SERVER_URL is {0}, and the server has a TLS certificate: change it to an `https` URL, or remove \
         `http.tls_certificate` and `http.tls_key`"
    )]
    TlsServerUrl(String),
    /// The certificate of TLS or its key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The settings have a rate for an operation that the server does not have.
    #[error(
        "`{setting}` has `{operation}`, but this server has no such tool, prompt or resource{}",
        did_you_mean(.similar.as_ref())
    )]
    UnknownRateOperation {
        /// Name of the setting.
        setting: &'static str,
        /// Label of the operation.
        operation: String,
        /// A similar label of the server.
        similar: Option<String>,
    },
    /// The settings have a rate for a role that the server does not have.
    #[error("`rates.roles` has `{role}`, but this server has no such role{}", did_you_mean(.similar.as_ref()))]
    UnknownRateRole {
        /// Name of the role.
        role: String,
        /// A similar role.
        similar: Option<String>,
    },
    /// An operation has a rate, and the program was built without rates.
    #[error(
        "the {kind} `{name}` has `rate` or `total_rate`, and the program was built without the feature `rates` of toolgate: \
         enable it"
    )]
    RatesFeature {
        /// Whether it is a tool, a prompt or a resource.
        kind: OperationKind,
        /// Name of the tool or prompt, or URI of the resource.
        name: &'static str,
    },
    /// A setting needs a feature that the program was built without.
    #[error("`{setting}` is set, and the program was built without the feature `{feature}` of toolgate: enable it")]
    MissingFeature {
        /// Name of the setting.
        setting: &'static str,
        /// Name of the feature.
        feature: &'static str,
    },
    /// A tool needs approvals, which the program was built without.
    #[error(
        "the tool `{0}` has `approve`, and the program was built without the feature `approvals` of toolgate: enable it"
    )]
    ApprovalsFeature(&'static str),
    /// The replicas of a server with approvals have no common key.
    #[error(
        "the tool `{0}` has `approve`, and replicas share its approvals: set `operations.request_state_key` to the same key on all \
         replicas, such as the output of `openssl rand -hex 32`"
    )]
    ApprovalsKey(&'static str),
    /// The settings have the secret of a client without its ID.
    #[error("`approvals.client_secret` is set, and `approvals.client_id` is not: set both, or remove the secret")]
    ApprovalClient,
    /// The settings name a file for the audit log, and the program does not write it.
    #[error(
        "`audit.path` is {}, and the program does not write the audit log to it: begin `main` with \
         `let _log = toolgate::logging::init()?;`, with the features `audit-file` and `logging`",
        .0.display()
    )]
    AuditFileNotWritten(PathBuf),
    /// The settings of replication have no URL.
    #[error("`replication.url` is not set, and other settings of replication are: set it, or remove them")]
    MissingRedisUrl,
    /// The server is reachable from the network and its public URL is unknown.
    #[error(
        "SERVER_URL is not set, and the server listens on {0}, which is not loopback: set SERVER_URL to the URL under which \
         clients reach this server, such as https://mcp.example.com"
    )]
    MissingServerUrl(SocketAddr),
    /// The server is built before its port is known, so it has no public URL.
    #[error(
        "the port of `http.bind` is 0, and a server that is built does not know yet which port it gets: call \
         `Server::serve`, which listens first, or set SERVER_URL"
    )]
    UnknownPort,
    /// The public URL of the server is invalid.
    #[error("SERVER_URL {0}")]
    ServerUrl(#[from] ServerUrlError),
    /// The public URL is a loopback URL, but the server is reachable from the network.
    #[error(
        "SERVER_URL is a loopback URL, but the server listens on {0}, which the network can reach: bind to 127.0.0.1, or \
         set SERVER_URL to the public URL; in a container whose port is published on a loopback address only, set \
         TOOLGATE_HTTP_ALLOW_NETWORK_ACCESS_TO_LOOPBACK_URL=true"
    )]
    LoopbackServerUrl(SocketAddr),
    /// The console has an address that other machines can reach.
    #[error(
        "`http.console_address` is {0}, which the network can reach, and the console has no authentication: choose an \
         address on 127.0.0.1, or set `http.expose_console_without_authentication` if a proxy authenticates its users"
    )]
    ConsoleAddress(SocketAddr),
    /// The path of the MCP endpoint is invalid.
    #[error("`http.endpoint_path` must be a path such as /mcp, without a slash at the end, got `{0}`")]
    EndpointPath(String),
    /// The path of the MCP endpoint is used by another route.
    #[error("`http.endpoint_path` is `{0}`, which another route of this server uses: choose another, such as /mcp")]
    EndpointConflict(String),
    /// A trusted proxy is neither an address nor a network.
    #[error("`http.trusted_proxies` must hold addresses or networks such as 10.0.0.0/8, got `{0}`")]
    TrustedProxy(String),
    /// A limit is below its minimum.
    #[error("`{setting}` must be at least {minimum}, got {value}")]
    TooSmall {
        /// Name of the setting.
        setting: &'static str,
        /// Smallest value.
        minimum: usize,
        /// Value of the setting.
        value: usize,
    },
    /// A limit is above its maximum.
    #[error("`{setting}` must be at most {maximum}, got {value}")]
    TooLarge {
        /// Name of the setting.
        setting: &'static str,
        /// Largest value.
        maximum: usize,
        /// Value of the setting.
        value: usize,
    },
    /// A time limit is zero.
    #[error("`{0}` must be longer than zero")]
    ZeroDuration(&'static str),
    /// `require_preflight` and `skip_preflight` were both called.
    #[error("`require_preflight` and `skip_preflight` were both called: call one of them")]
    ContradictingPreflight,
    /// The key for `requestState` is too short.
    #[error(
        "`request_state_key` must have at least 32 random bytes, such as the text that `openssl rand -hex 32` prints"
    )]
    ShortRequestStateKey,
    /// The URL of Redis is invalid.
    #[error(
        "the URL given to `Replication::redis` is invalid: write one such as redis://127.0.0.1:6379, or rediss://... for \
         TLS"
    )]
    RedisUrl,
    /// The prefix of Redis keys is invalid.
    #[error("`Replication::key_prefix` must be ASCII without white space and without `{{}}*?[]`, such as toolgate")]
    RedisKeyPrefix,
    /// Tasks would be stored unencrypted in Redis.
    #[error(
        "a tool has `task`, and the replicas share a Redis without a secret, in which results would be stored \
         unencrypted: set `replication.shared_cache_secret` or `Replication::shared_cache`, or store tasks elsewhere with \
         `Server::task_store`"
    )]
    UnencryptedTasks,
    /// The secret of the shared token cache is too short.
    #[error(
        "the secret given to `Replication::shared_cache` must have at least {minimum} random bytes, such as those of \
         `openssl rand {minimum}`"
    )]
    ShortSharedCacheSecret {
        /// Minimum length, in bytes.
        minimum: usize,
    },
}

fn did_you_mean(similar: Option<&String>) -> String {
    similar.map_or_else(|| ": correct it, or remove it".to_owned(), |similar| format!(": did you mean `{similar}`?"))
}

/// A reason why a tool, a prompt or a resource cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OperationProblem {
    /// The schema of the arguments does not describe an object.
    #[error("the schema of its arguments must have `\"type\": \"object\"`")]
    ArgumentsNotAnObject,
    /// The schema of the arguments is not a valid JSON Schema.
    #[error("the schema of its arguments is not valid: {0}")]
    InvalidInputSchema(String),
    /// The schema of an argument has a keyword that a program without the feature `json-schema` does not enforce.
    #[error(
        "the schema of its {} has `{keyword}`, which the program does not enforce, because it was built without the feature \
         `json-schema` of toolgate: enable it", of_argument(.argument)
    )]
    JsonSchemaFeature {
        /// Name of the argument, and empty for the arguments as a whole.
        argument: String,
        /// The keyword.
        keyword: String,
    },
    /// The schema of the result is not a valid JSON Schema.
    #[error("the schema of its result is not valid: {0}")]
    InvalidOutputSchema(String),
    /// `meta` is not an object.
    #[error("its `meta` must be a JSON object")]
    MetaNotAnObject,
    /// `audit(..)` names an argument that the operation does not have.
    #[error("`audit(\"{0}\")` names an argument that does not exist")]
    UnknownAuditArgument(&'static str),
    /// The URI is not a URI or a URI template.
    #[error("{0}")]
    InvalidUri(String),
    /// A variable that a URI can omit belongs to a parameter that is not optional.
    #[error("a URI can omit the variable `{0}` of its query: take an `Option<_>`")]
    RequiredQueryVariable(String),
    /// An argument of a prompt, or a variable of a URI, is a list or an object, and the protocol has only texts for it.
    #[error(
        "its argument `{0}` is a list or an object, but the protocol sends it as text: take a string, a number, a boolean \
         or an enum without data"
    )]
    ArgumentNotText(String),
    /// An argument of this type cannot be mirrored into a header.
    #[error("its argument `{0}` cannot be mirrored into a header: only strings, integers and booleans can")]
    HeaderArgumentType(String),
}

fn of_argument(name: &str) -> String {
    if name.is_empty() { "arguments".to_owned() } else { format!("argument `{name}`") }
}

/// A reason why a `SERVER_URL` is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerUrlError {
    /// It is not an absolute URL with a host.
    #[error("must be the URL under which clients reach this server, such as https://mcp.example.com")]
    NotAUrl,
    /// Its scheme is neither `http` nor `https`.
    #[error("must be an https:// URL, or http:// on loopback, got the scheme `{0}`")]
    Scheme(String),
    /// It is an `http` URL of a host that is not loopback.
    #[error("must be https:// on a host that is not loopback: over plain http, tokens would be sent unencrypted")]
    PlainHttp,
    /// It has a query.
    #[error("must not have a query: remove the `?` and everything after it")]
    Query,
    /// It has a fragment.
    #[error("must not have a fragment: remove the `#` and everything after it")]
    Fragment,
    /// It ends with the path of the MCP endpoint, which the server appends.
    #[error(
        "must not end with the path of the MCP endpoint, which would then be {endpoint}: set it to {expected}, or change \
         `http.endpoint_path`"
    )]
    EndpointPath {
        /// The URL of the endpoint that would result.
        endpoint: String,
        /// The URL to set.
        expected: String,
    },
    /// It has a user name or a password.
    #[error("must not have a user name or a password: remove everything before the `@`")]
    UserInfo,
}
