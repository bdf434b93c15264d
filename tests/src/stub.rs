//! An authorization server that answers whatever a test wants, and shows what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::IntoResponse, routing::post};
use tokio::task::JoinHandle;
use toolgate::PropelAuth;

use crate::TestServer;

/// Answers every introspection with the same words.
#[derive(Debug)]
pub struct IntrospectionStub {
    auth_url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    answer: Mutex<String>,
    asked: Mutex<Vec<(HeaderMap, String)>>,
}

impl IntrospectionStub {
    /// A stub on a free port.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TestServer::listener().await;
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let router = Router::new().route("/oauth/2.1/introspect", post(answer)).with_state(Arc::clone(&shared));
        Self {
            auth_url: format!("http://{address}"),
            shared,
            task: tokio::spawn(async move {
                let _ = axum::serve(listener, router).await;
            }),
        }
    }

    /// Sets the answer.
    pub fn answers(&self, answer: impl Into<String>) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer.into();
    }

    /// The headers and bodies of all requests so far.
    pub fn asked(&self) -> Vec<(HeaderMap, String)> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The validator that asks this stub.
    ///
    /// # Panics
    ///
    /// Never, as long as the address above is one.
    pub fn propel_auth(&self) -> PropelAuth {
        PropelAuth::new(&self.auth_url, "client-id", "client-secret").expect("an address on loopback")
    }
}

impl Drop for IntrospectionStub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let body = String::from_utf8_lossy(&body).into_owned();
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push((headers, body));
    let answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ([("content-type", "application/json")], answer)
}
