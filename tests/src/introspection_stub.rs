//! An authorization server whose introspection response is set by the test.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::stream;
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
    fault: Mutex<Option<(&'static str, StubFault)>>,
    requests: Mutex<Vec<(HeaderMap, String)>>,
}

/// Text in each introspection request about a random token, which the server sends after a token could not be validated.
pub const CONTROL_QUESTION: &str = "token=control-";

/// How [`IntrospectionStub::fail_for`] responds to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StubFault {
    /// This status, with `Retry-After: 60`.
    Status(u16),
    /// The connection is closed within the response.
    Reset,
    /// The response never begins.
    Hang,
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

    /// Fails for the tokens that contain `text`, from now on.
    pub fn fail_for(&self, text: &'static str, fault: StubFault) {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((text, fault));
    }

    /// Fails for no token from now on.
    pub fn clear_fault(&self) {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the number of requests for tokens that contain `text`.
    pub fn requests_for(&self, text: &str) -> usize {
        let requests = self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|(_, body)| body.contains(text)).count()
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

async fn introspect(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8_lossy(&body).into_owned();
    let fault = *shared.fault.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = fault.and_then(|(text, fault)| body.contains(text).then_some(fault));
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push((headers, body));
    match fault {
        None => {
            let response = shared.response.lock().unwrap_or_else(PoisonError::into_inner).clone();
            ([("content-type", "application/json")], response).into_response()
        }
        Some(StubFault::Status(status)) => {
            let status = StatusCode::from_u16(status).expect("the status is valid");
            (status, [("retry-after", "60")]).into_response()
        }
        Some(StubFault::Reset) => {
            Body::from_stream(stream::iter([Err::<Bytes, _>(io::Error::other("reset"))])).into_response()
        }
        Some(StubFault::Hang) => std::future::pending().await,
    }
}
