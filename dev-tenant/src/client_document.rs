//! Client ID metadata documents: clients whose id is the URL of their metadata.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/>
//!
//! Any website can send a browser here with any URL as the client id. The tenant therefore fetches a document only for a
//! person who is logged in, only from a configured host, and only from a public address or, if the configured host is
//! one, from a loopback address.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use crate::clock::now;
use crate::fetch::{FetchError, fetch};
use crate::oauth::{Client, ClientMetadata, OAuthError};
use crate::resource::is_loopback;
use crate::settings::Settings;
use crate::tenant::Tenant;

/// Maximum size of a document, in bytes.
const MAX_DOCUMENT_BYTES: usize = 16 << 10;

/// Maximum length of the URL of a document, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Time limit of the fetch of a document, with the resolution of its host.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Time for which a fetched document is cached, in seconds.
const TTL: u64 = 5 * 60;

/// Time after a failure in which a document is not fetched again.
const FAILURE_TTL: Duration = Duration::from_secs(10);

/// Maximum number of cached failures. At the maximum, the oldest is evicted.
const MAX_FAILURES: usize = 100;

/// Maximum number of documents that are fetched at the same time.
const MAX_FETCHES: usize = 4;

/// Reasons why a client's metadata document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientDocumentError {
    #[error("the client id is not the URL of a metadata document")]
    NotADocument,
    #[error(
        "the application's metadata document is on {0}, which this tenant does not fetch from; to allow it, start the \
         tenant with --client-document-host {0}"
    )]
    HostNotAllowed(String),
    #[error("the application's metadata document cannot be used, because {0}")]
    Fetch(#[from] FetchError),
    #[error("the application's metadata document cannot be parsed: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the `client_id` in the application's metadata document is not the URL of the document")]
    OtherClient,
    #[error("the application's metadata document is invalid: {0}")]
    Invalid(#[from] OAuthError),
    #[error("{0}; the document is fetched again {seconds} seconds after the failure", seconds = FAILURE_TTL.as_secs())]
    FailedRecently(String),
    #[error("too many metadata documents are being fetched; try again in a moment")]
    TooManyFetches,
}

#[derive(Deserialize)]
struct Document {
    client_id: String,
    #[serde(flatten)]
    metadata: ClientMetadata,
}

/// The fetches of documents in progress, and those that failed recently.
#[derive(Debug)]
pub(crate) struct ClientDocuments {
    fetches: Semaphore,
    failures: Mutex<HashMap<String, Failure>>,
}

#[derive(Debug)]
struct Failure {
    at: Instant,
    reason: String,
}

impl Default for ClientDocuments {
    fn default() -> Self {
        Self { fetches: Semaphore::new(MAX_FETCHES), failures: Mutex::default() }
    }
}

impl ClientDocuments {
    fn recent_failure(&self, id: &str) -> Option<String> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(id).filter(|failure| failure.at.elapsed() < FAILURE_TTL).map(|failure| failure.reason.clone())
    }

    fn add_failure(&self, id: &str, error: &ClientDocumentError) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, failure| failure.at.elapsed() < FAILURE_TTL);
        if failures.len() >= MAX_FAILURES {
            let oldest = failures.iter().min_by_key(|(_, failure)| failure.at).map(|(id, _)| id.clone());
            failures.remove(&oldest.unwrap_or_default());
        }
        failures
            .insert(id.to_owned(), Failure { at: Instant::now(), reason: crate::text::shown(&error.to_string()) });
    }
}

impl Tenant {
    /// Returns a client that is registered, or whose document is cached.
    pub(crate) fn cached_client(&self, id: &str) -> Option<Client> {
        let client = self.state().client(id).cloned()?;
        let stale = document_url(id).is_some() && client.issued_at + TTL <= now();
        (!stale).then_some(client)
    }

    /// Returns whether a client is known only after its metadata document has been fetched.
    pub(crate) fn needs_document(&self, id: &str) -> bool {
        self.cached_client(id).is_none() && allowed_document_url(id, &self.settings).is_ok()
    }

    /// Fetches and caches a client's metadata document. Call this only if a person is logged in.
    pub(crate) async fn fetch_client(&self, id: &str) -> Result<Client, ClientDocumentError> {
        let url = allowed_document_url(id, &self.settings)?;
        if let Some(reason) = self.client_documents.recent_failure(id) {
            return Err(ClientDocumentError::FailedRecently(reason));
        }
        let fetches = &self.client_documents.fetches;
        let _permit = fetches.try_acquire().map_err(|_| ClientDocumentError::TooManyFetches)?;
        let client = self.fetch_new_client(id, url).await;
        if let Err(error) = &client {
            self.client_documents.add_failure(id, error);
        }
        client
    }

    async fn fetch_new_client(&self, id: &str, url: Url) -> Result<Client, ClientDocumentError> {
        let text = fetch(url, TIMEOUT, MAX_DOCUMENT_BYTES).await?;
        let document: Document = serde_json::from_slice(&text)?;
        if document.client_id != id {
            return Err(ClientDocumentError::OtherClient);
        }
        let allowed = self.settings.allowed_redirect_uris.as_deref();
        let client = document.metadata.into_document_client(id, allowed)?;
        self.state().put_client(client.clone())?;
        Ok(client)
    }
}

/// Parses the URL of a document on a configured host.
fn allowed_document_url(id: &str, settings: &Settings) -> Result<Url, ClientDocumentError> {
    let url = document_url(id)
        .filter(|_| settings.client_id_metadata_documents)
        .ok_or(ClientDocumentError::NotADocument)?;
    let is_allowed = settings.client_document_hosts.iter().any(|host| host.eq_ignore_ascii_case(url.authority()));
    if is_allowed { Ok(url) } else { Err(ClientDocumentError::HostNotAllowed(url.authority().to_owned())) }
}

/// Parses the URL of a document: https, or http on loopback, with a path and without a fragment or credentials.
fn document_url(id: &str) -> Option<Url> {
    if id.len() > MAX_URL_BYTES {
        return None;
    }
    let url = Url::parse(id).ok()?;
    let valid_scheme = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let valid = valid_scheme
        && url.path() != "/"
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        // Only the normalized spelling, without `..`, so that one document is one client.
        && url.as_str() == id;
    valid.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_are_cached_for_a_short_time_and_bounded_in_number() {
        let documents = ClientDocuments::default();
        for i in 0..10_000 {
            documents.add_failure(&format!("https://client.example.com/{i}"), &ClientDocumentError::NotADocument);
        }
        assert_eq!(documents.failures.lock().unwrap().len(), MAX_FAILURES);
        let last = "https://client.example.com/9999";
        assert!(documents.recent_failure(last).is_some());
        tokio::time::advance(FAILURE_TTL).await;
        assert!(documents.recent_failure(last).is_none());
    }
}
