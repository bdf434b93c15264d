//! Stub of an authorization server: an HTTP server on loopback that records its requests.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    response::Response,
};
use http::{HeaderMap, Method, StatusCode, Uri, request::Parts};
use tokio::{net::TcpListener, task::JoinHandle};

/// Request that the stub received.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Running stub. Dropping it stops the server.
pub(crate) struct Stub {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Stub {
    /// Starts a stub. It never responds to a request for which `respond` returns `None`.
    pub(crate) async fn new(respond: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        let respond = Arc::new(respond);
        let router = Router::new().fallback(async move |parts: Parts, body: Bytes| {
            let request = Request {
                method: parts.method,
                uri: parts.uri,
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            let response = respond(&request);
            recorded.lock().unwrap().push(request);
            match response {
                Some(response) => response,
                None => std::future::pending().await,
            }
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, requests, server }
    }

    /// Starts a stub that responds to every request with this status and body.
    pub(crate) async fn responding(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::new(move |_| Some(response(status, &[], body.clone()))).await
    }

    /// Returns the requests received so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}
