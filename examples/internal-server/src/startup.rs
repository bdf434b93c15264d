//! Startup: builds the server from the command line and serves it.

use std::env;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use toolgate::auth::TokenValidator;
use toolgate::cli::App;
use toolgate::config::Config;
use toolgate::propelauth::{self, Variable};
use toolgate::{PropelAuth, Server, logging, shutdown_signal};
use toolgate_dev_tenant::{BindError, DevTenant, Mint, MintError};

use crate::cli::{DEFAULT_DATA, DEFAULT_REPO};
use crate::company::{Company, OpenError};
use crate::policy::ROLES_TOML;
use crate::repository::{Repository, RepositoryError};
use crate::{Cli, Command, RoleToken, SCOPES, ServeArgs, TokenSource, Welcome, tenant};

/// Server instructions that clients pass to the model.
const INSTRUCTIONS: &str = "\
Data and source code of a fictional sample company. `whoami` returns the caller's identity and the tools that the \
caller may call. IDs look like emp_0042, cus_0042 and tkt_0042. Figures cover October 2024 to September 2026. \
Amounts are in US dollars.";

/// Lifetime of the development tenant's tokens that the banner shows.
const PRINTED_TOKEN_LIFETIME: Duration = Duration::from_hours(12);

/// An error that prevents the server from starting, or stops it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is in use, or the address does not belong to this machine.
    #[error("cannot listen on {address} ({source}); choose another address or port with --bind")]
    Listen {
        /// The address to listen on.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A `PROPELAUTH_*` variable is missing or invalid.
    #[error("{0}; or unset every PROPELAUTH_* variable to use the development tenant")]
    PropelAuth(propelauth::ConfigError),
    /// The development tenant cannot be used on an address that other machines can reach.
    #[error(
        "cannot listen on {address} with the development tenant, because other machines can reach that address and \
         any user can log in as any person; set {}, or listen on 127.0.0.1",
        propelauth_variables()
    )]
    DevTenantBeyondLoopback {
        /// The address to listen on.
        address: SocketAddr,
    },
    /// The company's database cannot be opened.
    #[error(transparent)]
    Company(#[from] OpenError),
    /// The repository's folder cannot be opened.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// `tenant.toml` is not a valid tenant configuration.
    #[error(transparent)]
    TenantConfig(#[from] toolgate_dev_tenant::ConfigError),
    /// The development tenant cannot listen.
    #[error(transparent)]
    Tenant(#[from] BindError),
    /// The development tenant issues tokens only for URLs on this machine.
    #[error(
        "SERVER_URL is not on this machine, so the development tenant cannot issue tokens for {resource}; set {}, or \
         unset SERVER_URL",
        propelauth_variables()
    )]
    DevTenantRemoteResource {
        /// The URL that tokens would be issued for.
        resource: String,
    },
    /// The development tenant cannot issue a token.
    #[error("the development tenant cannot issue a token: {0}")]
    Mint(#[from] MintError),
    /// The server cannot be built, or failed while serving.
    #[error(transparent)]
    Server(#[from] toolgate::Error),
    /// An option of `serve` cannot be used.
    #[error(transparent)]
    Options(#[from] toolgate::cli::Error),
}

impl From<toolgate::BuildError> for StartError {
    fn from(error: toolgate::BuildError) -> Self {
        Self::Server(error.into())
    }
}

fn propelauth_variables() -> String {
    Variable::REQUIRED.map(Variable::name).join(", ")
}

/// The sample company's server, without an address.
///
/// ```no_run
/// use internal_server::{company::Company, repository::Repository, server};
/// use toolgate::PropelAuth;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let company = Company::open("data/company.db").await?;
/// let repository = Repository::open(".")?;
/// server(company, repository, PropelAuth::from_env()?).serve().await?;
/// # Ok(())
/// # }
/// ```
pub fn server(company: Company, repository: Repository, auth: impl TokenValidator) -> Server {
    with_states(declaration(), company, repository).auth(auth)
}

/// The part of the server that decides access and needs no database.
pub(crate) fn declaration() -> Server {
    Server::new("sample-company", &SCOPES)
        .title("Sample company")
        .version(env!("CARGO_PKG_VERSION"))
        .instructions(INSTRUCTIONS)
}

fn with_states(server: Server, company: Company, repository: Repository) -> Server {
    server.state(company).state(repository)
}

/// Runs the program: serves until Ctrl-C or SIGTERM, or inspects the policy.
///
/// # Errors
///
/// Returns an error if the server cannot start. Its message says how to fix the problem.
pub async fn run(cli: Cli) -> Result<ExitCode, StartError> {
    let args = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Inspect(command) => return Ok(app().inspect(command).await),
        Command::Serve(args) => args,
    };
    let settings = args.server.apply(declaration())?.settings()?;
    let Config { http, log, audit, .. } = settings.config();
    let _log = logging::init_from(log, audit).map_err(toolgate::Error::from)?;
    let address = http.bind_address();
    if is_propelauth_configured() {
        serve_with_propelauth(&args, address).await?;
    } else {
        serve_with_dev_tenant(&args, address).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The commands that inspect the policy.
fn app() -> App {
    App::new(declaration()).roles(ROLES_TOML).states(async |server| {
        let company = Company::open(DEFAULT_DATA).await?;
        Ok(with_states(server, company, Repository::open(DEFAULT_REPO)?))
    })
}

/// Returns whether any of PropelAuth's variables is set to a non-blank value.
fn is_propelauth_configured() -> bool {
    Variable::REQUIRED
        .iter()
        .filter_map(|variable| env::var_os(variable.name()))
        .any(|value| !value.to_string_lossy().trim().is_empty())
}

async fn serve_with_propelauth(args: &ServeArgs, address: SocketAddr) -> Result<(), StartError> {
    let auth = PropelAuth::from_env().map_err(StartError::PropelAuth)?;
    let auth_url = env::var(Variable::AuthUrl.name()).unwrap_or_default();
    let app = Running::new(args, address, auth).await?;
    app.serve(TokenSource::PropelAuth { auth_url: auth_url.trim().to_owned() }).await
}

async fn serve_with_dev_tenant(args: &ServeArgs, address: SocketAddr) -> Result<(), StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::DevTenantBeyondLoopback { address });
    }
    let tenant = DevTenant::builder(tenant::config()?).start().await?;
    let auth =
        PropelAuth::new(tenant.auth_url(), tenant.introspection_client_id(), tenant.introspection_client_secret())
            .map_err(toolgate::Error::from)?;
    let app = Running::new(args, address, auth).await?;
    let tokens = role_tokens(&tenant, app.server.endpoint())?;
    app.serve(TokenSource::DevTenant { auth_url: tenant.auth_url().to_owned(), tokens }).await?;
    tenant.shutdown().await;
    Ok(())
}

/// Mints a token for the first person of each role.
fn role_tokens(tenant: &DevTenant, resource: &str) -> Result<Vec<RoleToken>, StartError> {
    let roles = tenant.config().roles().iter();
    roles
        .filter_map(|role| tenant.person_of_role(&role.name))
        .map(|person| {
            let request = Mint::for_person(&person.id).resource(resource).expires_in(PRINTED_TOKEN_LIFETIME);
            let token = tenant.mint(&request).map_err(|error| match error {
                MintError::Resource(_) => StartError::DevTenantRemoteResource { resource: resource.to_owned() },
                error => error.into(),
            })?;
            Ok(RoleToken { token, role: person.role, person: person.name })
        })
        .collect()
}

/// A built server, its bound listener and its open database.
struct Running {
    listener: TcpListener,
    company: Company,
    server: toolgate::BuiltServer,
}

impl Running {
    async fn new(args: &ServeArgs, address: SocketAddr, auth: PropelAuth) -> Result<Self, StartError> {
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        // Port 0 lets the operating system choose the port.
        let address = listener.local_addr().map_err(listen)?;
        let company = Company::open(&args.data).await?;
        let repository = Repository::open(&args.repo)?;
        let mut options = args.server.clone();
        options.bind = Some(address);
        let server = options.apply(server(company.clone(), repository, auth))?;
        Ok(Self { listener, company, server: server.build()? })
    }

    async fn serve(self, tokens: TokenSource) -> Result<(), StartError> {
        let welcome = Welcome { mcp_url: self.server.endpoint().to_owned(), tokens };
        print(&welcome.to_string());
        self.server.serve_on(self.listener, shutdown_signal()).await?;
        self.company.close().await;
        Ok(())
    }
}

/// Writes to standard output. Errors are ignored: the server also runs with standard output closed.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
