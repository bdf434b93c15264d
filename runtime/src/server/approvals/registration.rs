//! Registration of this server as a client of its authorization server (RFC 7591).

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};

use super::{
    endpoints::Endpoints,
    http::{post, send},
    login::LoginError,
};

/// Time after which a client is registered again, because the authorization server may have removed it.
const MAX_AGE: Duration = Duration::from_hours(24);
/// Minimum time between two attempts.
const MIN_INTERVAL: Duration = Duration::from_secs(5);
/// Maximum length of the ID of a client, in bytes.
const MAX_ID_BYTES: usize = 1024;

/// An OAuth client.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) id: String,
    /// `None` for a public client.
    pub(super) secret: Option<SecretString>,
}

/// The client that this process registered.
pub(super) struct Registrations {
    title: String,
    redirect_uri: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<(Client, Instant)>,
    /// The client before, with which logins may have begun.
    previous: Option<Client>,
    failed_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: Option<String>,
}

impl Registrations {
    pub(super) fn new(title: String, redirect_uri: String) -> Self {
        Self { title, redirect_uri, state: Mutex::default() }
    }

    /// Returns the client, and registers it if there is none. Concurrent calls wait for one registration.
    pub(super) async fn get(&self, endpoints: &Endpoints) -> Result<Client, LoginError> {
        let mut state = self.state.lock().await;
        if let Some((client, registered_at)) = &state.current
            && registered_at.elapsed() < MAX_AGE
        {
            return Ok(client.clone());
        }
        if state.failed_at.is_some_and(|failed_at| failed_at.elapsed() < MIN_INTERVAL) {
            return Err(self.failure("the last attempt failed a moment ago"));
        }
        match self.register(endpoints).await {
            Ok(client) => {
                state.failed_at = None;
                state.previous = state.current.take().map(|(client, _)| client);
                state.current = Some((client.clone(), Instant::now()));
                Ok(client)
            }
            Err(error) => {
                state.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }

    /// Returns the client with this ID. If this process did not register it, another replica did, as a public client.
    pub(super) async fn known(&self, id: &str) -> Client {
        let state = self.state.lock().await;
        let mut known = state.current.iter().map(|(client, _)| client).chain(&state.previous);
        known.find(|client| client.id == id).cloned().unwrap_or_else(|| Client { id: id.to_owned(), secret: None })
    }

    async fn register(&self, endpoints: &Endpoints) -> Result<Client, LoginError> {
        let url = endpoints.registration.as_ref();
        let url = url.ok_or_else(|| LoginError::NoRegistration(self.redirect_uri.clone()))?;
        let metadata = json!({
            "client_name": format!("Approvals of {}", self.title),
            "redirect_uris": [self.redirect_uri],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
        });
        let response = send(post(url, "application/json", metadata.to_string().into_bytes())).await?;
        if !response.status().is_success() {
            return Err(self.failure(&format!("status {}", response.status())));
        }
        let registered: Registered =
            serde_json::from_slice(response.body()).map_err(|_| self.failure("its response is invalid"))?;
        if registered.client_id.is_empty() || registered.client_id.len() > MAX_ID_BYTES {
            return Err(self.failure("its response has no valid `client_id`"));
        }
        tracing::info!(client_id = registered.client_id, "registered a client for the login of approvals");
        Ok(Client { id: registered.client_id, secret: registered.client_secret.map(SecretString::from) })
    }

    fn failure(&self, reason: &str) -> LoginError {
        LoginError::Registration { reason: reason.to_owned(), redirect_uri: self.redirect_uri.clone() }
    }
}
