//! `toolgate-dev-tenant`: runs a development tenant from the command line.
#![forbid(unsafe_code)]

mod cli;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use toolgate_dev_tenant::DevTenant;
use tracing_subscriber::EnvFilter;

use cli::{Cli, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
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
        "# Development tenant on loopback. Login asks for no password.".to_owned(),
        format!("# People, roles and scopes: {url}/admin"),
    ];
    if let Some(person) = tenant.people().into_iter().find(|person| person.enabled) {
        let body = format!("{{\"person\": \"{}\", \"resource\": \"http://127.0.0.1:8000/mcp\"}}", person.id);
        lines.push(format!("# Mint a token without a browser: curl {url}/admin/api/tokens --json '{body}'"));
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
