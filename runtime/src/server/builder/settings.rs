//! Settings of the program, and reading those of the configuration file, the environment and the command line.

use std::net::SocketAddr;
#[cfg(feature = "config-file")]
use std::path::PathBuf;

#[cfg(feature = "approvals")]
use crate::server::config::ApprovalsConfig;
#[cfg(feature = "rates")]
use crate::server::config::RatesConfig;
use crate::{
    error::{BuildError, BuildProblem},
    server::{
        Server,
        config::{
            Config, HttpConfig, LimitsConfig, OperationsConfig, PreflightMode, SessionsConfig, Settings,
            SubscriptionsConfig, TasksConfig, TokenCacheConfig,
        },
    },
    settings::{CommandLine, Environment},
};

impl Server {
    /// Sets the public URL under which clients reach this server, such as `https://mcp.example.com`. The
    /// environment variable `SERVER_URL` takes precedence. Default: the address that the server listens on if that is
    /// loopback.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.config.http.server_url = Some(url.into());
        self
    }

    /// Sets the address to listen on. `http.bind` of the configuration file, `BIND_ADDR` and `--bind` take precedence.
    /// Default: `127.0.0.1:8000`. Port 0 is any free port: [`serve`](Self::serve) advertises the one that it gets, and
    /// [`build`](Self::build) needs the public URL then.
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
    #[cfg(feature = "config-file")]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.set_config_file(path.into(), "`Server::config_file`");
        self
    }

    /// Reads no configuration file, environment variables or options of the command line, so that the server has the
    /// settings of the code. Also ignores the one that the code names. Two servers in one process need this,
    /// because the environment cannot give each an address of its own.
    pub fn ignore_environment(mut self) -> Self {
        self.reads_environment = false;
        self
    }

    /// Sets the configuration file. `origin` is what names it.
    #[cfg(feature = "config-file")]
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

    /// Changes the rates of callers, and replaces those of operations.
    ///
    /// ```
    /// # use toolgate::{Rate, prelude::*};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES).rates(|rates| {
    ///     rates.caller = Some(Rate::per_minute(600));
    ///     rates.roles.insert("Support".to_owned(), Some(Rate::per_minute(1200)));
    /// });
    /// # let _ = server;
    /// # }
    /// ```
    #[cfg(feature = "rates")]
    pub fn rates(mut self, change: impl FnOnce(&mut RatesConfig)) -> Self {
        change(&mut self.config.rates);
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
    pub fn approvals(mut self, change: impl FnOnce(&mut ApprovalsConfig)) -> Self {
        change(&mut self.config.approvals);
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

    fn set_preflight(&mut self, mode: PreflightMode) {
        let preflight = &mut self.config.preflight;
        if *preflight != PreflightMode::default() && *preflight != mode {
            self.problems.push(BuildProblem::ContradictingPreflight);
        }
        *preflight = mode;
    }
}
