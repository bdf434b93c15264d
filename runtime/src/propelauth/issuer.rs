//! Authorization server that this server advertises to clients (RFC 8414, section 3.3).
//!
//! PropelAuth serves its metadata for the issuer `AUTH_URL/oauth/2.1`. In some environments, the metadata document
//! names the issuer `AUTH_URL` instead. A strict client rejects a document whose issuer differs from the one that it
//! was fetched for. In that case, this server advertises itself as the issuer and serves the document, with
//! PropelAuth's endpoints.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use super::auth_url::AuthUrl;
use crate::{auth::AuthorizationServer, oauth::metadata::Metadata};

/// Selects the authorization server that this server advertises to clients.
///
/// ```no_run
/// use toolgate::{PropelAuth, propelauth::Advertise};
///
/// let auth = PropelAuth::from_env()?.advertise(Advertise::ThisServer);
/// # let _ = auth;
/// # Ok::<(), toolgate::propelauth::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advertise {
    /// PropelAuth if its metadata names the expected issuer, otherwise this server.
    #[default]
    Automatic,
    /// Always PropelAuth, with the issuer `AUTH_URL/oauth/2.1`. Strict clients reject its metadata if that names
    /// another issuer.
    PropelAuth,
    /// Always this server. It serves PropelAuth's metadata with itself as the issuer.
    ThisServer,
}

/// Issuer in PropelAuth's metadata, compared with the Auth URL.
#[derive(Clone, Debug, PartialEq, Eq)]
enum MetadataIssuer {
    /// `AUTH_URL/oauth/2.1`, as expected.
    Expected,
    /// `AUTH_URL`, without the path.
    WithoutPath,
    /// Any other issuer.
    Other(String),
}

/// Advertised issuer, and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AdvertisedIssuer {
    is_this_server: bool,
    advertise: Advertise,
    metadata_issuer: MetadataIssuer,
    /// `AUTH_URL/oauth/2.1`
    expected: String,
}

impl AdvertisedIssuer {
    pub(super) fn new(advertise: Advertise, auth_url: &AuthUrl, metadata: &Metadata) -> Self {
        let expected = auth_url.issuer();
        let issuer = metadata.issuer.trim_end_matches('/');
        let metadata_issuer = if issuer == expected {
            MetadataIssuer::Expected
        } else if issuer == auth_url.as_str() {
            MetadataIssuer::WithoutPath
        } else {
            MetadataIssuer::Other(metadata.issuer.clone())
        };
        let is_this_server = match advertise {
            Advertise::Automatic => metadata_issuer != MetadataIssuer::Expected,
            Advertise::PropelAuth => false,
            Advertise::ThisServer => true,
        };
        Self { is_this_server, advertise, metadata_issuer, expected }
    }

    /// Returns the authorization server to advertise. Its document always names the advertised issuer.
    pub(super) fn authorization_server(&self, metadata: Metadata, base_url: &str) -> AuthorizationServer {
        let issuer = match (self.is_this_server, &self.metadata_issuer) {
            (true, _) => base_url.to_owned(),
            // As in the document, with or without a slash at the end, because clients compare issuers exactly.
            (false, MetadataIssuer::Expected) => metadata.issuer,
            (false, _) => self.expected.clone(),
        };
        let mut document = metadata.document;
        document.insert("issuer".to_owned(), issuer.clone().into());
        AuthorizationServer {
            issuer: Some(issuer),
            document: Some(document),
            scopes_supported: metadata.scopes_supported,
        }
    }

    /// Returns whether to log a warning, because the settings may be wrong or strict clients reject the metadata.
    pub(super) fn is_warning(&self) -> bool {
        match self.metadata_issuer {
            MetadataIssuer::Expected => false,
            MetadataIssuer::WithoutPath => !self.is_this_server,
            MetadataIssuer::Other(_) => true,
        }
    }
}

impl fmt::Display for AdvertisedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = &self.expected;
        let advertised = if self.is_this_server { "this server" } else { expected };
        write!(f, "{advertised} is advertised as the authorization server")?;
        match self.advertise {
            Advertise::Automatic => f.write_str(": ")?,
            Advertise::PropelAuth | Advertise::ThisServer => {
                write!(f, ", as set with Advertise::{:?}; ", self.advertise)?;
            }
        }
        match &self.metadata_issuer {
            MetadataIssuer::Expected if self.is_this_server => {
                write!(f, "PropelAuth's metadata names the expected issuer {expected}")
            }
            MetadataIssuer::Expected => f.write_str("PropelAuth's metadata names that issuer"),
            MetadataIssuer::WithoutPath => write!(
                f,
                "PropelAuth's metadata names the issuer without the path (expected {expected}), which strict clients \
                 reject at PropelAuth's own URL (RFC 8414, section 3.3)"
            ),
            MetadataIssuer::Other(issuer) => write!(
                f,
                "PropelAuth's metadata names the issuer {issuer:?} instead of {expected}: check that \
                 PROPELAUTH_AUTH_URL is the Auth URL that the dashboard shows under Backend Integration"
            ),
        }
    }
}

/// Logger of the advertised issuer, which logs changes only.
#[derive(Debug, Default)]
pub(super) struct ChangeLogger {
    last: Mutex<Option<AdvertisedIssuer>>,
}

impl ChangeLogger {
    /// Logs the issuer if it differs from the last one, and returns whether it does.
    pub(super) fn log(&self, issuer: AdvertisedIssuer) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&issuer) {
            return false;
        }
        if issuer.is_warning() {
            tracing::warn!("{issuer}");
        } else {
            tracing::info!("{issuer}");
        }
        *last = Some(issuer);
        true
    }
}

#[cfg(test)]
mod tests;
