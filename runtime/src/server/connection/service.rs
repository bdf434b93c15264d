//! The requests of a connection: the checks of their heads, their routes, and whether another request may follow.

use std::{
    convert::Infallible,
    future,
    sync::{Arc, atomic::Ordering},
};

use axum::{
    Json,
    body::Body,
    extract::ConnectInfo,
    response::{IntoResponse as _, Response},
};
use futures_util::future::{BoxFuture, Either};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;
use tower::Service as _;

use super::{Connection, InFlight, Shared};
use crate::{
    body::GuardedBody,
    server::{
        request_head::{self, MalformedHead},
        unread_body::{self, ObservedBody},
    },
};

/// Router of a connection, behind the checks of the request head.
pub(super) struct ConnectionService {
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl ConnectionService {
    pub(super) fn new(connection: Arc<Connection>, shared: Arc<Shared>) -> Self {
        Self { connection, shared }
    }

    /// Checks a request head. Returns whether another request may follow on this connection.
    fn check(&self, request: &Request<Incoming>) -> Result<bool, MalformedHead> {
        let length = http_body::Body::size_hint(request.body()).exact();
        let reusable = self.connection.scanner().body_follows(length)?;
        request_head::check(request, self.shared.allowed.as_ref())?;
        Ok(reusable && !self.connection.is_limited && !self.shared.is_stopping.load(Ordering::Relaxed))
    }

    /// Passes a request to the MCP endpoint or to the router, which respond alike at the paths of the endpoint.
    fn respond(&self, request: Request<Body>) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
        let Shared { endpoint, router, limited_router, .. } = &*self.shared;
        if self.connection.is_limited {
            return Either::Right(limited_router.clone().call(request));
        }
        match endpoint.as_ref().filter(|endpoint| endpoint.is_at(request.uri().path())) {
            Some(endpoint) => Either::Left(endpoint.respond(request)),
            None => Either::Right(router.clone().call(request)),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response<GuardedBody<InFlight>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_flight = InFlight::new(&self.connection);
        let connection = Arc::clone(&self.connection);
        let is_reusable = match self.check(&request) {
            Ok(is_reusable) => is_reusable,
            Err(reason) => {
                tracing::debug!(%reason, "rejected a request");
                let response = (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_request" }))).into_response();
                return Box::pin(future::ready(Ok(finish(response, false, in_flight))));
            }
        };
        request.extensions_mut().insert(ConnectInfo(connection.address));
        // Reading the rest of the body would tell the client to send it.
        let expects_continue = request.headers().contains_key(header::EXPECT);
        drop(connection.unread_body.take());
        let response = self.respond(request.map(|body| Body::new(ObservedBody::new(body, Arc::clone(&connection)))));
        Box::pin(async move {
            let Ok(response) = response.await;
            let is_reusable = match connection.unread_body.take() {
                None => is_reusable,
                Some(body) => {
                    let is_discarded = is_reusable && !expects_continue && unread_body::discard(body).await;
                    connection.lingers.store(!is_discarded, Ordering::Relaxed);
                    is_discarded
                }
            };
            Ok(finish(response, is_reusable, in_flight))
        })
    }
}

/// Announces whether the connection is closed after a response, whose body keeps its request in flight.
fn finish(mut response: Response, is_reusable: bool, in_flight: InFlight) -> Response<GuardedBody<InFlight>> {
    if !is_reusable {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| GuardedBody::new(body, in_flight))
}
