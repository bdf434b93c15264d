//! Server under test, in toolgate, with the configuration of production:
//! `server-toolgate-production ADDRESS TOOLS AUTH_URL`.
//!
//! The environment sets the audit file, the address of the metrics, the rate of a caller, and the receiver of traces.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (server, _) = server_toolgate::from_arguments()?;
    let settings = server.settings()?;
    let config = settings.config();
    let _log = toolgate::logging::init_from(&config.log, &config.audit, &config.traces)?;
    server.serve().await?;
    Ok(())
}
