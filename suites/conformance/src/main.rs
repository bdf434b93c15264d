//! MCP server for the official conformance suite, with a proxy that adds a bearer token to the suite's requests.
//!
//! The suite does not support authentication, so it connects to the proxy. The server behind it checks every request as
//! usual. `suites/conformance/run` starts this program and the suite.

mod list_changes;
mod prompts;
mod resources;
mod token_proxy;
mod tools;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use token_proxy::TokenProxy;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};

/// Scopes of the tools, one for each module in `tools`, and of the prompts and resources.
pub static SCOPES: Scopes = Scopes::new(&[
    "conformance:content",
    "conformance:notifications",
    "conformance:input",
    "conformance:prompts",
    "conformance:resources",
    "conformance:schema",
]);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut servers = Servers::start().await?;
    println!("http://{}/mcp", servers.proxy_address);
    tokio::select! {
        signal = shutdown_signal() => signal?,
        result = &mut servers.server => anyhow::bail!("the server stopped unexpectedly: {result:?}"),
        result = &mut servers.proxy => anyhow::bail!("the proxy stopped unexpectedly: {result:?}"),
    }
    servers.stop().await
}

/// The MCP server and its proxy, each on a free loopback port.
struct Servers {
    server: JoinHandle<Result<(), toolgate::Error>>,
    #[cfg(test)]
    server_address: SocketAddr,
    proxy: JoinHandle<()>,
    proxy_address: SocketAddr,
    shutdown: watch::Sender<()>,
}

impl Servers {
    async fn start() -> anyhow::Result<Self> {
        let server_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let proxy_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (server_address, proxy_address) = (server_listener.local_addr()?, proxy_listener.local_addr()?);

        // The token is random and only the proxy has it, so no request can bypass authentication.
        let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let caller = Claims::new().subject("conformance-suite").scopes(SCOPES.names().iter().copied());
        let server = Server::new("toolgate-conformance", &SCOPES)
            .auth(StaticTokens::new().token(&token, caller))
            .server_url(format!("http://{server_address}"))
            .bind(server_address)
            .state(list_changes::Switches::default())
            .sessions(|_| {})
            .build()?;
        let proxy = TokenProxy::new(server_address, &token)?;

        let (shutdown, receiver) = watch::channel(());
        Ok(Self {
            server: tokio::spawn(server.serve_on(server_listener, closed(receiver.clone()))),
            #[cfg(test)]
            server_address,
            proxy: tokio::spawn(proxy.serve_on(proxy_listener, closed(receiver))),
            proxy_address,
            shutdown,
        })
    }

    async fn stop(self) -> anyhow::Result<()> {
        drop(self.shutdown);
        self.proxy.await?;
        self.server.await?.context("the server did not shut down cleanly")
    }
}

/// Waits until the sender is dropped.
async fn closed(mut receiver: watch::Receiver<()>) {
    while receiver.changed().await.is_ok() {}
}

async fn shutdown_signal() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{Method, Request, Response, StatusCode, header};
    use http_body_util::{BodyExt, Full};
    use hyper::body::{Bytes, Incoming};
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};

    use super::*;

    /// Sends `tools/list` without a token and with this `Host` header.
    async fn list_tools(address: SocketAddr, host: &str) -> Response<Incoming> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{address}/mcp"))
            .header(header::HOST, host)
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::<Bytes>::from(body))
            .unwrap();
        Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_request_needs_the_token_that_the_proxy_adds() {
        let servers = Servers::start().await.unwrap();
        let response = list_tools(servers.server_address, "localhost").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let response = list_tools(servers.proxy_address, "localhost").await;
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("test_simple_text"));
        servers.stop().await.unwrap();
    }

    #[tokio::test]
    async fn the_proxy_does_not_change_the_host_header() {
        let servers = Servers::start().await.unwrap();
        assert_eq!(list_tools(servers.proxy_address, "evil.example").await.status(), StatusCode::FORBIDDEN);
        servers.stop().await.unwrap();
    }
}
