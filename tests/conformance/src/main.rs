//! The server that the official MCP conformance suite is run against: tools written with toolgate's macros, behind
//! toolgate's gate, and a proxy that gives the suite's requests a token.
//!
//! The suite knows nothing of tokens, so it talks to the proxy. What it sees is toolgate's answer to a caller with a
//! token; nothing about authentication is switched off. `tests/conformance/run` starts this program and the suite.

mod proxy;
mod tools;

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use proxy::Proxy;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};

/// What the suite's caller may do, by the kind of tool.
pub static SCOPES: Scopes =
    Scopes::new(&["conformance:content", "conformance:context", "conformance:input", "conformance:schema"]);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut pair = Pair::start().await?;
    println!("http://{}/mcp", pair.proxy);
    tokio::select! {
        signal = stop_signal() => signal?,
        ended = &mut pair.serving => anyhow::bail!("the server ended by itself: {ended:?}"),
        ended = &mut pair.forwarding => anyhow::bail!("the proxy ended by itself: {ended:?}"),
    }
    pair.stop().await
}

/// The server, and the proxy in front of it, each on a port of loopback that was free.
struct Pair {
    proxy: SocketAddr,
    #[cfg(test)]
    server: SocketAddr,
    serving: JoinHandle<Result<(), toolgate::Error>>,
    forwarding: JoinHandle<()>,
    stop: watch::Sender<()>,
}

impl Pair {
    async fn start() -> anyhow::Result<Self> {
        let server_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let proxy_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (server, proxy) = (server_listener.local_addr()?, proxy_listener.local_addr()?);

        // Nobody but the proxy has the token, so whatever the server answers has come through its gate.
        let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let caller = Claims::new().subject("conformance-suite").scopes(SCOPES.names().iter().copied());
        let built = Server::new("toolgate-conformance", &SCOPES)
            .auth(StaticTokens::new().token(&token, caller))
            .server_url(format!("http://{server}"))
            .bind(server)
            .build()?;

        let (stop, stopped) = watch::channel(());
        let forwarder = Proxy::new(server, &token)?;
        Ok(Self {
            proxy,
            #[cfg(test)]
            server,
            serving: tokio::spawn(built.serve_on(server_listener, wait(stopped.clone()))),
            forwarding: tokio::spawn(forwarder.serve_on(proxy_listener, wait(stopped))),
            stop,
        })
    }

    async fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        self.forwarding.await?;
        self.serving.await?.context("the server did not stop well")
    }
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

#[cfg(test)]
mod tests {
    use http::{Method, Request, Response, StatusCode, header};
    use http_body_util::{BodyExt, Full};
    use hyper::body::{Bytes, Incoming};
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};

    use super::*;

    /// Lists the tools, as a client at `host` would.
    async fn list(address: SocketAddr, host: &str) -> Response<Incoming> {
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
    async fn only_what_comes_through_the_proxy_has_a_token() {
        let pair = Pair::start().await.unwrap();
        let response = list(pair.server, "localhost").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let response = list(pair.proxy, "localhost").await;
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("test_simple_text"));
        pair.stop().await.unwrap();
    }

    #[tokio::test]
    async fn the_proxy_leaves_the_host_as_it_is() {
        let pair = Pair::start().await.unwrap();
        assert_eq!(list(pair.proxy, "evil.example").await.status(), StatusCode::FORBIDDEN);
        pair.stop().await.unwrap();
    }
}
