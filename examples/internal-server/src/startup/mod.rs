//! From the command line to a running server.

mod error;

use std::env;
use std::io::{self, Write};
use std::time::Duration;

use tokio::net::TcpListener;
use toolgate::auth::TokenValidator;
use toolgate::propelauth::Variable;
use toolgate::{PropelAuth, Server, stop_signal};
use toolgate_dev_tenant::{DevTenant, Mint, MintError};

use crate::company::Company;
use crate::repository::Repository;
use crate::{Cli, RoleTable, RoleToken, SCOPES, TableFormat, TokenSource, Welcome, tenant};

pub use error::StartError;

const INSTRUCTIONS: &str = "\
Data and source code of a made-up sample company. `whoami` says who is calling and which tools are open to \
them. IDs look like emp_0042, cus_0042 and tkt_0042. Figures go from October 2024 to September 2026; amounts \
are US dollars.";

/// How long the development tenant's tokens live that are printed at the start.
const PRINTED_TOKEN_LIFETIME: Duration = Duration::from_hours(12);

/// The sample company's server, to be given an address and built.
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
    Server::new("sample-company", &SCOPES)
        .title("Sample company")
        .version(env!("CARGO_PKG_VERSION"))
        .instructions(INSTRUCTIONS)
        .auth(auth)
        .state(company)
        .state(repository)
}

/// Does what the command line says: prints the scope table, or serves until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When the server cannot start; the text says what to do.
pub async fn run(cli: Cli) -> Result<(), StartError> {
    if let Some(format) = cli.scope_table {
        let table = RoleTable::new(&tenant::config()?);
        print(&match format {
            TableFormat::Text => table.to_string(),
            TableFormat::Json => format!("{}\n", serde_json::to_string_pretty(&table)?),
        });
        return Ok(());
    }
    if is_propelauth_configured() { serve_with_propelauth(&cli).await } else { serve_with_dev_tenant(&cli).await }
}

/// Whether any variable of PropelAuth holds something.
fn is_propelauth_configured() -> bool {
    Variable::ALL
        .iter()
        .filter_map(|variable| env::var_os(variable.name()))
        .any(|value| !value.to_string_lossy().trim().is_empty())
}

async fn serve_with_propelauth(cli: &Cli) -> Result<(), StartError> {
    let auth = PropelAuth::from_env().map_err(StartError::PropelAuth)?;
    let auth_url = env::var(Variable::AuthUrl.name()).unwrap_or_default();
    let ready = Ready::new(cli, auth).await?;
    let tokens = TokenSource::PropelAuth { auth_url: auth_url.trim().to_owned() };
    ready.serve(tokens).await
}

async fn serve_with_dev_tenant(cli: &Cli) -> Result<(), StartError> {
    if !cli.bind.ip().is_loopback() {
        return Err(StartError::DevTenantBeyondLoopback { address: cli.bind });
    }
    let tenant = DevTenant::builder(tenant::config()?).start().await?;
    let auth =
        PropelAuth::new(tenant.auth_url(), tenant.introspection_client_id(), tenant.introspection_client_secret())
            .map_err(toolgate::Error::from)?;
    let ready = Ready::new(cli, auth).await?;
    let tokens = TokenSource::DevTenant {
        auth_url: tenant.auth_url().to_owned(),
        tokens: role_tokens(&tenant, ready.server.endpoint())?,
    };
    ready.serve(tokens).await?;
    tenant.shutdown().await;
    Ok(())
}

/// A token for the first person of each role.
fn role_tokens(tenant: &DevTenant, resource: &str) -> Result<Vec<RoleToken>, StartError> {
    let roles = tenant.config().roles().iter();
    roles
        .filter_map(|role| tenant.person_of_role(&role.name))
        .map(|person| {
            let order = Mint::for_person(&person.id).resource(resource).expires_in(PRINTED_TOKEN_LIFETIME);
            let token = tenant.mint(&order).map_err(|error| match error {
                MintError::Resource(_) => StartError::DevTenantRemoteResource { resource: resource.to_owned() },
                error => error.into(),
            })?;
            Ok(RoleToken { token, role: person.role, person: person.name })
        })
        .collect()
}

/// A server that only has to be started: whatever can fail has succeeded.
struct Ready {
    listener: TcpListener,
    company: Company,
    server: toolgate::BuiltServer,
}

impl Ready {
    async fn new(cli: &Cli, auth: PropelAuth) -> Result<Self, StartError> {
        let listen = |source| StartError::Listen { address: cli.bind, source };
        let listener = TcpListener::bind(cli.bind).await.map_err(listen)?;
        // With port 0 the system has chosen one.
        let address = listener.local_addr().map_err(listen)?;
        let company = Company::open(&cli.data).await?;
        let repository = Repository::open(&cli.repo)?;
        let mut server = server(company.clone(), repository, auth).bind(address);
        if let Some(url) = cli.server_url.as_deref().filter(|url| !url.trim().is_empty()) {
            server = server.server_url(url);
        }
        if cli.strict {
            server = server.strict();
        }
        Ok(Self { listener, company, server: server.build()? })
    }

    async fn serve(self, tokens: TokenSource) -> Result<(), StartError> {
        let welcome = Welcome { mcp_url: self.server.endpoint().to_owned(), tokens };
        print(&welcome.to_string());
        self.server.serve_on(self.listener, stop_signal()).await?;
        self.company.close().await;
        Ok(())
    }
}

/// Writes to standard output. Nobody reading it is no reason to stop.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
