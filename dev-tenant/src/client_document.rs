//! Client ID metadata documents: a client whose id is the address of its own description.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/>

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::clock::now;
use crate::oauth::{Client, ClientMetadata, OAuthError};
use crate::resource::is_loopback;
use crate::tenant::Tenant;

/// A larger document is refused, in bytes.
const MAX_DOCUMENT: usize = 16 << 10;

/// A slower document is refused.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a document is used before it is fetched again, in seconds.
const FRESH: u64 = 5 * 60;

/// Why a client could not be learnt from its metadata document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientDocumentError {
    #[error("the client id is no address of a metadata document")]
    NotADocument,
    #[error("the application's metadata document cannot be fetched: {0}")]
    Fetch(#[from] reqwest::Error),
    #[error("the application's metadata document was answered with {0}")]
    Status(reqwest::StatusCode),
    #[error("the application's metadata document is larger than {MAX_DOCUMENT} bytes")]
    TooLarge,
    #[error("the application's metadata document cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the application's metadata document names another client_id than its own address")]
    OtherClient,
    #[error("the application's metadata document is refused: {0}")]
    Refused(#[from] OAuthError),
}

#[derive(Deserialize)]
struct Document {
    client_id: String,
    #[serde(flatten)]
    metadata: ClientMetadata,
}

impl Tenant {
    /// A client that needs no fetching: a registered one, or one whose document was fetched just now.
    pub(crate) fn fresh_client(&self, id: &str) -> Option<Client> {
        let client = self.state().client(id).cloned()?;
        let stale = document_address(id).is_some() && client.issued_at + FRESH <= now();
        (!stale).then_some(client)
    }

    /// Fetches a client's metadata document and keeps what it says.
    pub(crate) async fn fetch_client(&self, id: &str) -> Result<Client, ClientDocumentError> {
        let address = document_address(id)
            .filter(|_| self.settings.client_id_metadata_documents)
            .ok_or(ClientDocumentError::NotADocument)?;
        let text = fetch(address).await?;
        let document: Document = serde_json::from_slice(&text)?;
        if document.client_id != id {
            return Err(ClientDocumentError::OtherClient);
        }
        let allowed = self.settings.allowed_redirect_uris.as_deref();
        let client = document.metadata.document(id, allowed)?;
        self.state().put_client(client.clone())?;
        Ok(client)
    }
}

/// The address of a document: https, or http on loopback, with a path and neither fragment nor credentials.
fn document_address(id: &str) -> Option<Url> {
    let url = Url::parse(id).ok()?;
    let scheme_is_good = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let good = scheme_is_good
        && url.path() != "/"
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        // Written as parsed: no `..` and no other spelling of the same address.
        && url.as_str() == id;
    good.then_some(url)
}

/// Fetches a document, bounded in time and size, and follows no redirect.
async fn fetch(address: Url) -> Result<Vec<u8>, ClientDocumentError> {
    let mut client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
    if is_loopback(&address) {
        client = client.no_proxy();
    }
    let request = client.build()?.get(address);
    let mut response = request.header("accept", "application/json").send().await?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(ClientDocumentError::Status(response.status()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if text.len() + chunk.len() > MAX_DOCUMENT {
            return Err(ClientDocumentError::TooLarge);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}
