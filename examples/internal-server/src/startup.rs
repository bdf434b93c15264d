//! Startup: builds the server from the command line and serves it.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use toolgate::auth::IntoValidators;
use toolgate::cli::App;
use toolgate::config::Config;
use toolgate::dev_tenant::or_propelauth_with;
use toolgate::{Server, logging};

use crate::cli::{DEFAULT_DATA, DEFAULT_REPO};
use crate::company::{Company, OpenError};
use crate::policy::TENANT_TOML;
use crate::repository::{Repository, RepositoryError};
use crate::{Cli, Command, SCOPES, ServeArgs};

/// Server instructions that clients pass to the model.
const INSTRUCTIONS: &str = "\
Data and source code of a fictional sample company. `whoami` returns the caller's identity and the tools that the \
caller may call. The resources below company://policies/ are the company's policies. IDs look like emp_0042, cus_0042 and tkt_0042. Figures cover October 2024 to September 2026. \
Amounts are in US dollars.";

/// Folder of the development tenant's data, beside the company's database.
const TENANT_FOLDER: &str = ".toolgate";

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
    /// The company's database cannot be opened.
    #[error(transparent)]
    Company(#[from] OpenError),
    /// The repository's folder cannot be opened.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The server cannot be built, or failed while serving.
    #[error(transparent)]
    Server(toolgate::Error),
    /// An option of `serve` cannot be used.
    #[error(transparent)]
    Options(#[from] toolgate::cli::Error),
}

impl From<toolgate::Error> for StartError {
    fn from(error: toolgate::Error) -> Self {
        match error {
            toolgate::Error::Listen { address, source } => Self::Listen { address, source },
            error => Self::Server(error),
        }
    }
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
pub fn server(company: Company, repository: Repository, auth: impl IntoValidators) -> Server {
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
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Inspect(command) => return Ok(app().inspect(command).await),
        Command::Serve(args) => Box::pin(serve(&args)).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The commands that inspect the policy and check the connections.
fn app() -> App {
    App::new(declaration()).roles(TENANT_TOML).auth_from(or_propelauth_with(TENANT_TOML)).states(async |server| {
        let company = Company::open(DEFAULT_DATA).await?;
        Ok(with_states(server, company, Repository::open(DEFAULT_REPO)?))
    })
}

/// Serves with PropelAuth if it is configured, and otherwise with a development tenant.
async fn serve(args: &ServeArgs) -> Result<(), StartError> {
    let declaration = args.server.apply(declaration())?;
    let settings = declaration.settings().map_err(toolgate::Error::from)?;
    let Config { log, audit, traces, .. } = settings.config();
    let _log = logging::init_from(log, audit, traces).map_err(toolgate::Error::from)?;
    let company = Company::open(&args.data).await?;
    let repository = Repository::open(&args.repo)?;
    let auth = or_propelauth_with(TENANT_TOML).data_folder(args.data.with_file_name(TENANT_FOLDER));
    with_states(declaration, company.clone(), repository).auth_from(auth).serve().await?;
    company.close().await;
    Ok(())
}
