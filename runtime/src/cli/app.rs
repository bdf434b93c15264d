//! The program: a server, what completes it, and the execution of commands.

use std::{
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use super::{Command, Error, Inspect, ServeOptions, options::CommandLine};
use crate::{
    auth::{AuthProvider, IntoValidators},
    config::{Config, Settings},
    policy::{Policy, Role},
    server::Server,
};

pub(super) use crate::server::print;

/// Error of a callback of an [`App`].
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// File with the roles, if it exists and no other is named.
const DEFAULT_ROLES: &str = "roles.toml";

/// A server with a command line. See the [module documentation](super).
#[must_use = "an app does nothing until it runs"]
pub struct App {
    server: Server,
    states: Option<AddStates>,
    auth: Option<AddAuth>,
    roles: Option<&'static str>,
    installs_log: bool,
}

type AddStates = Box<dyn FnOnce(Server) -> LocalBoxFuture<'static, Result<Server, BoxError>>>;
type AddAuth = Box<dyn FnOnce(Server) -> Result<Server, BoxError>>;

/// Exit status of a command that could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// There is nothing to report.
    Clean,
    /// An error, a difference, a change, or a rejected call.
    Problem,
    /// A warning, and no error.
    Warning,
}

impl App {
    /// Creates an app. `server` has everything that decides access: scope lists, rules for all operations and deny
    /// rules. What needs the network or the disk is added by [`auth`](Self::auth) and [`states`](Self::states).
    pub fn new(server: Server) -> Self {
        Self { server, states: None, auth: None, roles: None, installs_log: true }
    }

    /// Sets how the token validator is created, which `serve` and `check` do: `.auth(PropelAuth::from_env)`.
    pub fn auth<V, E>(mut self, validator: impl FnOnce() -> Result<V, E> + 'static) -> Self
    where
        V: IntoValidators,
        E: Into<BoxError>,
    {
        self.auth = Some(Box::new(|server| Ok(server.auth(validator().map_err(Into::into)?))));
        self
    }

    /// Sets what creates the token validator when `serve` starts, as [`Server::auth_from`] does:
    /// `.auth_from(dev_tenant::or_propelauth("tenant.toml"))`.
    pub fn auth_from(mut self, provider: impl AuthProvider) -> Self {
        self.auth = Some(Box::new(|server| Ok(server.auth_from(provider))));
        self
    }

    /// Sets how the states are added, which `serve` and `explain` do.
    ///
    /// ```no_run
    /// # use toolgate::{cli::App, prelude::*};
    /// # struct Tickets;
    /// # impl Tickets { async fn open(_: &str) -> std::io::Result<Self> { Ok(Self) } }
    /// # pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);
    /// # fn main() {
    /// let app = App::new(Server::new("tickets", &SCOPES))
    ///     .states(async |server| Ok(server.state(Tickets::open("tickets.db").await?)))
    ///     .auth(PropelAuth::from_env);
    /// # let _ = app;
    /// # }
    /// ```
    pub fn states(mut self, add: impl AsyncFnOnce(Server) -> Result<Server, BoxError> + 'static) -> Self {
        self.states = Some(Box::new(|server| Box::pin(add(server))));
        self
    }

    /// Sets the roles of the authorization server and their scopes, as TOML: `.roles(include_str!("../roles.toml"))`. The
    /// option `--roles` replaces them. Default: the file `roles.toml` in the current folder, if it exists.
    ///
    /// The format is that of [`Role::from_toml`].
    pub fn roles(mut self, toml: &'static str) -> Self {
        self.roles = Some(toml);
        self
    }

    /// Serves without installing the log, for a program that installs its own subscriber, such as
    /// [`logging::init_with`](crate::logging::init_with) with an audit log.
    pub fn without_log(mut self) -> Self {
        self.installs_log = false;
        self
    }

    /// Parses the command line and runs the command. Serving logs to standard error, as [`logging`](crate::logging)
    /// describes.
    pub async fn run(self) -> ExitCode {
        let (name, version) = self.server.name_and_version();
        let command = CommandLine::command().name(name.to_owned()).about(format!("The MCP server {name}"));
        let version = format!("{name} {version}\n");
        let parsed = command.try_get_matches().and_then(|matches| CommandLine::from_arg_matches(&matches));
        let command_line = match parsed {
            Ok(command_line) => command_line,
            Err(error) => {
                let _ = error.print();
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
        };
        if command_line.version {
            print(&version);
            return ExitCode::SUCCESS;
        }
        match command_line.command.unwrap_or(Command::Serve(command_line.serve)) {
            // Boxed, because a program awaits `run` in the future of its `main`.
            Command::Serve(options) => Box::pin(self.serve(&options)).await,
            Command::Inspect(command) => Box::pin(self.inspect(command)).await,
        }
    }

    /// Runs a command that inspects the policy, for programs that parse their own command line. Returns the exit status.
    pub async fn inspect(mut self, command: Inspect) -> ExitCode {
        let result = match command {
            Inspect::Policy(options) => options.execute(&self),
            Inspect::Explain(options) => options.execute(self).await,
            Inspect::Replay(options) => options.execute(&self),
            Inspect::Check(options) => Box::pin(options.execute(self)).await,
            Inspect::Config(options) => options.execute(&mut self),
        };
        match result {
            Ok(Status::Clean) => ExitCode::SUCCESS,
            Ok(Status::Problem) => ExitCode::from(1),
            Ok(Status::Warning) => ExitCode::from(3),
            Err(error) => {
                print_error(&error);
                ExitCode::from(2)
            }
        }
    }

    async fn serve(self, options: &ServeOptions) -> ExitCode {
        let mut log = None;
        let served = async {
            let server = options.apply(self.server)?;
            if self.installs_log {
                let settings = server.load_settings()?;
                let Config { log: settings, audit, traces, .. } = settings.config();
                log = Some(crate::logging::init_from(settings, audit, traces).map_err(crate::Error::from)?);
            }
            let server = match self.auth {
                Some(add) => add(server).map_err(Error::Program)?,
                None => server,
            };
            let server = add_states(server, self.states).await?;
            server.serve().await.map_err(Error::from)
        };
        let served = Box::pin(served).await;
        drop(log);
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                print_error(&error);
                ExitCode::FAILURE
            }
        }
    }

    /// Returns the policy with the roles of `file`, of the app, or of the default file.
    pub(super) fn policy(&self, file: Option<&Path>) -> Result<Policy, Error> {
        let policy = self.server.policy();
        let default = Path::new(DEFAULT_ROLES);
        let (text, path) = match (file, self.roles) {
            (Some(path), _) => (read(path)?, path),
            (None, Some(toml)) => (toml.to_owned(), default),
            (None, None) if default.is_file() => (read(default)?, default),
            (None, None) => return Ok(policy),
        };
        let roles = Role::from_toml(&text).and_then(|roles| policy.with_roles(roles));
        roles.map_err(|source| Error::Roles { path: path.to_owned(), source })
    }

    /// Returns the settings, with those of the configuration file and the environment.
    ///
    /// # Errors
    ///
    /// A setting cannot be read or is invalid.
    pub(super) fn settings(&mut self, file: Option<&PathBuf>) -> Result<Settings, Error> {
        if let Some(path) = file {
            self.server.set_config_file(path.clone(), "--config");
        }
        Ok(self.server.settings()?)
    }

    /// Returns the server with its validator or provider, and without its states. `None` if the program sets neither.
    ///
    /// # Errors
    ///
    /// The validator cannot be created.
    pub(super) fn into_server_with_auth(self) -> Result<Option<Server>, BoxError> {
        self.auth.map(|add| add(self.server)).transpose()
    }

    /// Returns the server with its states, and without a validator.
    pub(super) async fn into_server(self) -> Result<Server, Error> {
        add_states(self.server, self.states).await
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("server", &self.server).finish_non_exhaustive()
    }
}

async fn add_states(server: Server, states: Option<AddStates>) -> Result<Server, Error> {
    match states {
        Some(add) => add(server).await.map_err(Error::Program),
        None => Ok(server),
    }
}

/// Reads a text file. `-` is standard input.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let text = if path == Path::new("-") { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(path) };
    text.map_err(|source| Error::Read { path: PathBuf::from(path), source })
}

/// Formats a value as JSON.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("the keys of all maps are strings") + "\n"
}

fn print_error(error: &Error) {
    let _ = writeln!(io::stderr(), "error: {error}");
}
