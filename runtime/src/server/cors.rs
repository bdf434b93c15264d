//! CORS (Fetch, section 3.2) for requests that name an origin: those of browsers. Everybody else's go past it.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::future::Either;
use http::{HeaderName, Method, Request, Response, header};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, Cors, CorsLayer};

use crate::gate::Gate;

/// A service for browsers and for others.
#[derive(Clone)]
pub(crate) struct CorsForBrowsers<S> {
    browsers: Cors<S>,
    others: S,
}

impl<S: Clone> CorsForBrowsers<S> {
    /// Lets the origins in that the gate does. Browser clients read the challenge, and send the headers of MCP.
    pub(crate) fn new(gate: Arc<Gate>, service: S) -> Self {
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| gate.origins.allows_origin(origin)))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([
                header::WWW_AUTHENTICATE,
                header::RETRY_AFTER,
                HeaderName::from_static("mcp-session-id"),
            ]);
        Self { browsers: cors.layer(service.clone()), others: service }
    }
}

impl<S> Service<Request<Body>> for CorsForBrowsers<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<<Cors<S> as Service<Request<Body>>>::Future, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Both ways lead to it.
        self.others.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.headers().contains_key(header::ORIGIN) {
            Either::Left(self.browsers.call(request))
        } else {
            Either::Right(self.others.call(request))
        }
    }
}
