//! An authorization server whose introspection response is set by the test.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::IntoResponse, routing::post};
use tokio::task::JoinHandle;
use toolgate::PropelAuth;

use crate::TestServer;

/// A running authorization server that returns one response to every introspection request.
#[derive(Debug)]
pub struct IntrospectionStub {
    auth_url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    response: Mutex<String>,
    requests: Mutex<Vec<(HeaderMap, String)>>,
}

impl IntrospectionStub {
    /// Starts a stub on a free port.
    pub async fn start() -> Self {
        let listener = TestServer::listener().await;
        let auth_url = TestServer::url_of(&listener);
        let shared = Arc::new(Shared::default());
        let router = Router::new().route("/oauth/2.1/introspect", post(introspect)).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { auth_url, shared, task }
    }

    /// Sets the body of all responses from now on.
    pub fn set_response(&self, response: impl Into<String>) {
        *self.shared.response.lock().unwrap_or_else(PoisonError::into_inner) = response.into();
    }

    /// Returns the headers and bodies of all requests.
    pub fn requests(&self) -> Vec<(HeaderMap, String)> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the URL of the authorization server.
    pub fn auth_url(&self) -> &str {
        &self.auth_url
    }

    /// Returns a validator that introspects at this stub.
    ///
    /// # Panics
    ///
    /// Never: the address is on loopback.
    pub fn propel_auth(&self) -> PropelAuth {
        PropelAuth::new(&self.auth_url, "client-id", "client-secret").expect("an address on loopback")
    }
}

impl Drop for IntrospectionStub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn introspect(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let body = String::from_utf8_lossy(&body).into_owned();
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push((headers, body));
    let response = shared.response.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ([("content-type", "application/json")], response)
}
