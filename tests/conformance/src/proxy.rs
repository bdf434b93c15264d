//! A proxy on loopback that adds the bearer token. Everything else goes through as it came, both ways and while it is
//! still coming: `Host`, `Origin`, the case of header names, and streams.

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

/// Forwards requests to one server, each with the token.
#[derive(Clone)]
pub(crate) struct Proxy {
    client: Client<HttpConnector, Incoming>,
    server: uri::Authority,
    authorization: HeaderValue,
}

impl Proxy {
    /// # Errors
    ///
    /// The token cannot stand in a header.
    pub(crate) fn new(server: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).http1_preserve_header_case(true).build_http(),
            server: server.to_string().parse()?,
            authorization,
        })
    }

    /// Forwards until `stop` is ready; then drops the connections.
    pub(crate) async fn serve_on(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stop => return,
            };
            // A connection that is gone before it was accepted is the client's business.
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
        // Where the request is sent; the `Host` header stays the one that the client wrote.
        let mut target = std::mem::take(request.uri_mut()).into_parts();
        target.scheme = Some(uri::Scheme::HTTP);
        target.authority = Some(self.server.clone());
        let Ok(target) = Uri::from_parts(target) else {
            return failure(StatusCode::BAD_REQUEST, "the request's target is not a path");
        };
        *request.uri_mut() = target;
        let authorization = self.authorization.clone();
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        match self.client.request(request).await {
            Ok(response) => response.map(Either::Left),
            Err(error) => failure(StatusCode::BAD_GATEWAY, &format!("the server did not answer: {error}")),
        }
    }
}

fn failure(status: StatusCode, text: &str) -> Response<Either<Incoming, Full<Bytes>>> {
    let mut response = Response::new(Either::Right(Full::from(text.to_owned())));
    *response.status_mut() = status;
    response
}
