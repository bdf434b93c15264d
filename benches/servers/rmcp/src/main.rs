//! Server under test, in the macros of rmcp: `server-rmcp ADDRESS TOOLS [shared]`.

use std::net::SocketAddr;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (Some(address), Some(tools)) = (arguments.first(), arguments.get(1)) else {
        return Err("usage: server-rmcp ADDRESS TOOLS [shared]".into());
    };
    let address: SocketAddr = address.parse()?;
    let shared = arguments.get(2).is_some_and(|word| word == "shared");
    let router = server_rmcp::router(tools.parse()?, shared).ok_or("expected 20, 100 or 500 tools")?;
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}
