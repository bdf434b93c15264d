//! CORS (Fetch, section 3.2) for requests with an `Origin`, which browsers send. Other requests bypass it.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::future::Either;
use http::{HeaderName, Method, Request, Response, header};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, Cors, CorsLayer};

use crate::gate::Gate;

/// Extension of a request that [checks an app](crate::BuiltServer::check_app), and of its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppCheck;

/// A service with CORS for browsers and without it for other clients.
#[derive(Clone)]
pub(crate) struct BrowserCors<S> {
    /// Shared, because axum clones a service for each request.
    cors: Arc<CorsLayer>,
    service: S,
}

impl<S> BrowserCors<S> {
    /// Allows the origins that the gate allows. Browser clients need to read the challenge and to send the headers of MCP.
    pub(crate) fn new(gate: Arc<Gate>, service: S) -> Self {
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| gate.origins.allows_origin(origin)))
            // Without sessions the gate responds 405 to GET and DELETE, which a browser client can read only if CORS allows
            // them.
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([
                header::WWW_AUTHENTICATE,
                header::RETRY_AFTER,
                HeaderName::from_static("mcp-session-id"),
                HeaderName::from_static("ratelimit"),
                HeaderName::from_static("ratelimit-policy"),
            ]);
        Self { cors: Arc::new(cors), service }
    }
}

impl<S> Service<Request<Body>> for BrowserCors<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<<Cors<Checked<S>> as Service<Request<Body>>>::Future, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.headers().contains_key(header::ORIGIN) {
            // The service that was polled is called, and its clone stays.
            let service = self.service.clone();
            let service = std::mem::replace(&mut self.service, service);
            Either::Left(self.cors.layer(Checked(service)).call(request))
        } else {
            Either::Right(self.service.call(request))
        }
    }
}

/// A service that answers the requests of an [`AppCheck`], so that they are neither counted nor recorded.
#[derive(Clone)]
pub(crate) struct Checked<S>(S);

impl<S> Service<Request<Body>> for Checked<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.extensions().get::<AppCheck>().is_none() {
            return Either::Right(self.0.call(request));
        }
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(AppCheck);
        Either::Left(ready(Ok(response)))
    }
}
