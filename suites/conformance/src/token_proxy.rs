//! HTTP proxy that adds a bearer token to each request.
//!
//! It changes nothing else, so that the suite tests the server's own behavior: `Host`, `Origin` and the case of header
//! names are forwarded unchanged, and bodies are streamed in both directions.

use std::{future::Future, net::SocketAddr, pin::pin};

use http::{HeaderValue, Request, Response, StatusCode, Uri, header, uri};
use http_body_util::{Either, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, task::JoinSet};

/// Proxy for one server and one token.
#[derive(Clone)]
pub(crate) struct TokenProxy {
    client: Client<HttpConnector, Incoming>,
    server: uri::Authority,
    authorization: HeaderValue,
}

impl TokenProxy {
    /// # Errors
    ///
    /// The token contains a character that a header value must not have.
    pub(crate) fn new(server: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).http1_preserve_header_case(true).build_http(),
            server: server.to_string().parse()?,
            authorization,
        })
    }

    /// Forwards requests until `shutdown` completes, then closes every connection.
    pub(crate) async fn serve_on(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut shutdown => return,
            };
            // `accept` fails if the client has already closed the connection.
            let Ok((stream, _)) = accepted else { continue };
            let proxy = self.clone();
            let service = service_fn(move |request| {
                let proxy = proxy.clone();
                async move { Ok::<_, std::convert::Infallible>(proxy.forward(request).await) }
            });
            let connection =
                http1::Builder::new().preserve_header_case(true).serve_connection(TokioIo::new(stream), service);
            connections.spawn(connection);
            while connections.try_join_next().is_some() {}
        }
    }

    async fn forward(&self, mut request: Request<Incoming>) -> Response<Either<Incoming, Full<Bytes>>> {
        // The URI selects the server. The `Host` header remains the client's.
        let mut target = std::mem::take(request.uri_mut()).into_parts();
        target.scheme = Some(uri::Scheme::HTTP);
        target.authority = Some(self.server.clone());
        let Ok(target) = Uri::from_parts(target) else {
            return error_response(StatusCode::BAD_REQUEST, "the request target must be a path");
        };
        *request.uri_mut() = target;
        request.headers_mut().insert(header::AUTHORIZATION, self.authorization.clone());
        match self.client.request(request).await {
            Ok(response) => response.map(Either::Left),
            Err(error) => error_response(StatusCode::BAD_GATEWAY, &format!("no response from the server: {error}")),
        }
    }
}

fn error_response(status: StatusCode, text: &str) -> Response<Either<Incoming, Full<Bytes>>> {
    let mut response = Response::new(Either::Right(Full::from(text.to_owned())));
    *response.status_mut() = status;
    response
}
