//! Server under test, in toolgate: its tools, and its arguments.

mod tools;

use std::{error::Error, net::SocketAddr};

use toolgate::{PropelAuth, Server};

pub use tools::*;

/// Creates the server from the arguments of the process, `ADDRESS TOOLS AUTH_URL`. Also returns the arguments after them.
pub fn from_arguments() -> Result<(Server, impl Iterator<Item = String>), Box<dyn Error>> {
    // The first one is the name of the program.
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let address: SocketAddr = next("ADDRESS")?.parse()?;
    let tools = next("TOOLS")?.parse()?;
    let auth_url = next("AUTH_URL")?;
    let scopes = scopes(tools).ok_or("expected 20, 100 or 500 tools")?;
    let server = Server::new("toolgate", scopes)
        .bind(address)
        .server_url(format!("http://{address}"))
        .auth(PropelAuth::new(&auth_url, "bench", "bench")?);
    Ok((server, arguments))
}
