//! `toolgate-dev-tenant`: runs a development tenant from the command line.
#![forbid(unsafe_code)]

mod cli;

use std::io::{self, IsTerminal as _, Write as _};
use std::mem::ManuallyDrop;
use std::process::ExitCode;

use clap::Parser as _;
use toolgate_dev_tenant::DevTenant;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use cli::{Cli, StartError};

/// Number of lines of the log that wait for standard error. Further lines are lost.
const MAX_LOG_LINES: usize = 1024;

#[tokio::main]
async fn main() -> ExitCode {
    let _log = log_to_stderr();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error, which may be closed or have a reader that does not read.
fn log_to_stderr() -> ManuallyDrop<WorkerGuard> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let (writer, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(MAX_LOG_LINES).finish(io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(writer)
        // Otherwise, the subscriber reports its errors with `eprintln!`, which panics if standard error is closed.
        .log_internal_errors(false)
        .init();
    // Dropping the guard prints to standard output if the log is blocked, which panics if that is closed.
    ManuallyDrop::new(guard)
}

async fn run(cli: Cli) -> Result<(), StartError> {
    let tenant = cli.start().await?;
    // The reader may close the pipe after these lines, which must not stop the tenant.
    if let Err(error) = std::io::stdout().write_all(startup_message(&tenant).as_bytes()) {
        tracing::warn!(%error, "cannot print the startup message");
    }
    shutdown_signal().await;
    tenant.shutdown().await;
    Ok(())
}

/// Returns the variables for a server, and hints as comments, so that a shell can source the text.
fn startup_message(tenant: &DevTenant) -> String {
    let url = tenant.auth_url();
    let mut lines = vec![
        format!("PROPELAUTH_AUTH_URL={url}"),
        format!("PROPELAUTH_INTROSPECTION_CLIENT_ID={}", tenant.introspection_client_id()),
        format!("PROPELAUTH_INTROSPECTION_CLIENT_SECRET={}", tenant.introspection_client_secret()),
        format!("PROPELAUTH_API_KEY={}", tenant.backend_api_key()),
        "# Development tenant on loopback. Login asks for no password.".to_owned(),
        format!("# People, roles and scopes: {}", tenant.admin_url()),
    ];
    if let Some(person) = tenant.people().into_iter().find(|person| person.enabled) {
        let body = format!("{{\"person\": \"{}\", \"resource\": \"http://127.0.0.1:8000/mcp\"}}", person.id);
        lines.push(format!("# Mint a token without a browser: curl {url}/admin/api/tokens --json '{body}'"));
    }
    if let Some(scope) = tenant.config().scopes().first() {
        let body = format!("{{\"name\": \"CI\", \"scopes\": [\"{}\"]}}", scope.name);
        lines.push(format!("# Create an API key for a machine: curl {url}/admin/api/keys --json '{body}'"));
    }
    lines.join("\n") + "\n"
}

/// Waits for Ctrl-C, and on Unix for SIGTERM.
async fn shutdown_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = interrupt.await;
}
