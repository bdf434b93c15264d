//! The server that the official MCP conformance suite is run against: tools written with toolgate's macros, behind
//! toolgate's gate, and a proxy that gives the suite's requests a token.
//!
//! The suite knows nothing of tokens, so it talks to the proxy. What it sees is toolgate's answer to a caller with a
//! token; nothing about authentication is switched off. `tests/conformance/run` starts this program and the suite.

mod proxy;
mod tools;

use std::net::Ipv4Addr;

use anyhow::Context as _;
use tokio::{net::TcpListener, sync::watch};
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};

/// What the suite's caller may do, by the kind of tool.
pub static SCOPES: Scopes =
    Scopes::new(&["conformance:content", "conformance:context", "conformance:input", "conformance:schema"]);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let proxy_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let server_address = server_listener.local_addr()?;
    let proxy_address = proxy_listener.local_addr()?;

    // Nobody but the proxy has the token, so whatever the server answers has come through its gate.
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let caller = Claims::new().subject("conformance-suite").scopes(SCOPES.names().iter().copied());
    let server = Server::new("toolgate-conformance", &SCOPES)
        .auth(StaticTokens::new().token(&token, caller))
        .server_url(format!("http://{server_address}"))
        .bind(server_address)
        .build()?;

    let (stop, stopped) = watch::channel(());
    let proxy = proxy::Proxy::new(server_address, &token)?;
    let mut serving = tokio::spawn(server.serve_on(server_listener, wait(stopped.clone())));
    let mut forwarding = tokio::spawn(proxy.serve_on(proxy_listener, wait(stopped)));
    println!("http://{proxy_address}/mcp");

    tokio::select! {
        signal = stop_signal() => signal?,
        ended = &mut serving => anyhow::bail!("the server ended by itself: {ended:?}"),
        ended = &mut forwarding => anyhow::bail!("the proxy ended by itself: {ended:?}"),
    }
    drop(stop);
    forwarding.await?;
    serving.await?.context("the server did not stop well")
}

/// Ready when the other end is dropped.
async fn wait(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
