//! Server under test, in toolgate: `server-toolgate ADDRESS TOOLS AUTH_URL [CACHE_TTL_SECONDS]`.

use std::{net::SocketAddr, time::Duration};

use toolgate::{PropelAuth, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let address: SocketAddr = next("ADDRESS")?.parse()?;
    let tools = next("TOOLS")?.parse()?;
    let auth_url = next("AUTH_URL")?;
    let scopes = server_toolgate::scopes(tools).ok_or("expected 20, 100 or 500 tools")?;
    let mut server = Server::new("toolgate", scopes)
        .bind(address)
        .server_url(format!("http://{address}"))
        .auth(PropelAuth::new(&auth_url, "bench", "bench")?);
    if let Some(seconds) = arguments.next() {
        let ttl = Duration::from_secs(seconds.parse()?);
        server = server.token_cache(|cache| cache.ttl = Some(ttl));
    }
    server.serve().await?;
    Ok(())
}
