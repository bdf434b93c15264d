//! Server under test, in toolgate, with the configuration of production: `server-toolgate-production ADDRESS TOOLS AUTH_URL`.
//!
//! The environment sets the audit file, the address of the metrics, the rate of a caller, and the receiver of traces.

use std::net::SocketAddr;

use toolgate::{PropelAuth, Server, logging};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let address: SocketAddr = next("ADDRESS")?.parse()?;
    let tools = next("TOOLS")?.parse()?;
    let auth_url = next("AUTH_URL")?;
    let scopes = server_toolgate::scopes(tools).ok_or("expected 20, 100 or 500 tools")?;
    let server = Server::new("toolgate", scopes)
        .bind(address)
        .server_url(format!("http://{address}"))
        .auth(PropelAuth::new(&auth_url, "bench", "bench")?);
    let settings = server.settings()?;
    let config = settings.config();
    let _log = logging::init_from(&config.log, &config.audit, &config.traces)?;
    server.serve().await?;
    Ok(())
}
