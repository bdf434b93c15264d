//! Discovery: the metadata of an issuer (RFC 8414; `OpenID` Connect Discovery 1.0).

use serde_json::Value;

use super::{
    access_token::quote,
    endpoints,
    http_client::{HttpClient, HttpError},
    issuer::{Issuer, UrlError},
    metadata::{Metadata, MetadataError},
    request_error::{RequestAdvice, RequestError},
};
use crate::auth::Unavailable;

/// What to do about failed requests to an authorization server.
pub(super) const ADVICE: RequestAdvice = RequestAdvice {
    name: "the authorization server",
    connect_timeout: "check the network between this server and the authorization server",
    connect: "check OAUTH_ISSUER, and the network between this server and the authorization server",
    redirect: "check OAUTH_ISSUER",
    not_found: "check OAUTH_ISSUER",
    credentials: "check OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET, whether the client may introspect tokens, and whether \
                  it authenticates with `client_secret_basic` or `client_secret_post`",
    bad_request: Some(
        "if it rejects the credentials, check OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET, or try \
         `Introspection::client_secret_post`",
    ),
};

/// An issuer, and the HTTP client for its requests.
#[derive(Clone)]
pub(super) struct Discovery {
    pub(super) issuer: Issuer,
    pub(super) http: HttpClient,
}

impl Discovery {
    /// Fetches the metadata from the first URL that has a document of the issuer.
    ///
    /// # Errors
    ///
    /// No URL has one. A document that names another issuer is not used (RFC 8414, section 3.3).
    pub(super) async fn fetch(&self) -> Result<Metadata, Unavailable> {
        let mut problem = None;
        for url in self.issuer.metadata_urls() {
            match endpoints::fetch_metadata(&self.http, &url).await {
                Ok(metadata) if metadata.issuer == self.issuer.as_str() => return Ok(metadata),
                Ok(metadata) => _ = problem.get_or_insert_with(|| self.other_issuer(&url, &metadata.issuer)),
                Err(RequestError::Http(HttpError::NotFound)) => {}
                Err(error) if is_answer_without_metadata(&error) => {
                    problem.get_or_insert_with(|| error.to_unavailable(&url, &ADVICE));
                }
                Err(error) => return Err(error.to_unavailable(&url, &ADVICE)),
            }
        }
        Err(problem.unwrap_or_else(|| self.not_found()))
    }

    /// Returns the URL of an endpoint in the metadata, if the metadata has it.
    ///
    /// # Errors
    ///
    /// It has another scheme than the issuer, for which the HTTP client is set up.
    pub(super) fn endpoint(&self, metadata: &Metadata, name: &str) -> Result<Option<String>, Unavailable> {
        let Some(url) = metadata.document.get(name).and_then(Value::as_str) else { return Ok(None) };
        match self.issuer.parse_endpoint(url) {
            // Only the scheme matters: an endpoint of the metadata may have a query.
            Err(error @ UrlError::OtherScheme) => Err(Unavailable::new(format!(
                "`{name}` in the metadata of the authorization server {error}: correct it there, or check OAUTH_ISSUER"
            ))
            .permanent()),
            _ => Ok(Some(url.to_owned())),
        }
    }

    fn other_issuer(&self, url: &str, found: &str) -> Unavailable {
        let expected = self.issuer.as_str();
        Unavailable::new(format!(
            "the metadata at {url} names the issuer {}, expected {expected:?}, and issuers are compared character \
             for character (RFC 8414, section 3.3): set OAUTH_ISSUER to the issuer in the metadata",
            quote(found)
        ))
        .permanent()
    }

    fn not_found(&self) -> Unavailable {
        Unavailable::new(format!(
            "the authorization server has no metadata (404) at {}: check OAUTH_ISSUER",
            self.issuer.metadata_urls().join(", ")
        ))
        .permanent()
    }
}

/// Returns whether a response shows that the URL has no metadata. Some servers respond with their web page or its login to
/// every path that they do not have.
fn is_answer_without_metadata(error: &RequestError) -> bool {
    match error {
        RequestError::Http(HttpError::Status(status)) => status.is_client_error(),
        RequestError::Http(HttpError::Redirect(_)) | RequestError::Metadata(MetadataError::NotAnObject) => true,
        _ => false,
    }
}
