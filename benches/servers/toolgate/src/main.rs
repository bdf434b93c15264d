//! Server under test, in toolgate: `server-toolgate ADDRESS TOOLS AUTH_URL [CACHE_TTL_SECONDS]`.

use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut server, mut arguments) = server_toolgate::from_arguments()?;
    if let Some(seconds) = arguments.next() {
        let ttl = Duration::from_secs(seconds.parse()?);
        server = server.token_cache(|cache| cache.ttl = Some(ttl));
    }
    server.serve().await?;
    Ok(())
}
