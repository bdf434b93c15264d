//! Client ID metadata documents: clients whose id is the URL of their metadata.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/>

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::clock::now;
use crate::oauth::{Client, ClientMetadata, OAuthError};
use crate::resource::is_loopback;
use crate::tenant::Tenant;

/// Maximum size of a document, in bytes.
const MAX_DOCUMENT_BYTES: usize = 16 << 10;

/// Timeout of the fetch of a document.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Time for which a fetched document is cached, in seconds.
const TTL: u64 = 5 * 60;

/// Reasons why a client's metadata document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientDocumentError {
    #[error("the client id is not the URL of a metadata document")]
    NotADocument,
    #[error("the application's metadata document cannot be fetched: {0}")]
    Fetch(#[from] reqwest::Error),
    #[error("the fetch of the application's metadata document returned the status {0}")]
    Status(reqwest::StatusCode),
    #[error("the application's metadata document is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    #[error("the application's metadata document cannot be parsed: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the `client_id` in the application's metadata document is not the URL of the document")]
    OtherClient,
    #[error("the application's metadata document is invalid: {0}")]
    Invalid(#[from] OAuthError),
}

#[derive(Deserialize)]
struct Document {
    client_id: String,
    #[serde(flatten)]
    metadata: ClientMetadata,
}

impl Tenant {
    /// Returns a client that is registered, or whose document is cached.
    pub(crate) fn cached_client(&self, id: &str) -> Option<Client> {
        let client = self.state().client(id).cloned()?;
        let stale = document_url(id).is_some() && client.issued_at + TTL <= now();
        (!stale).then_some(client)
    }

    /// Fetches and caches a client's metadata document.
    pub(crate) async fn fetch_client(&self, id: &str) -> Result<Client, ClientDocumentError> {
        let url = document_url(id)
            .filter(|_| self.settings.client_id_metadata_documents)
            .ok_or(ClientDocumentError::NotADocument)?;
        let text = fetch(url).await?;
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

/// Parses the URL of a document: https, or http on loopback, with a path and without a fragment or credentials.
fn document_url(id: &str) -> Option<Url> {
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

/// Fetches a document, bounded in time and size. A redirect is an error.
async fn fetch(url: Url) -> Result<Vec<u8>, ClientDocumentError> {
    let mut client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
    if is_loopback(&url) {
        client = client.no_proxy();
    }
    let request = client.build()?.get(url);
    let mut response = request.header("accept", "application/json").send().await?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(ClientDocumentError::Status(response.status()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if text.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            return Err(ClientDocumentError::TooLarge);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}
