//! Which authorization server clients are told about (RFC 8414, section 3.3).
//!
//! PropelAuth serves its metadata for the issuer `AUTH_URL/oauth/2.1`. On some tenants the document says so. On others
//! it names `AUTH_URL`, and a strict client refuses a document that names another issuer than the one it was fetched
//! for. There this server stands in: it names itself and serves the document, every endpoint of which is PropelAuth's.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use super::{auth_url::AuthUrl, metadata::Metadata};
use crate::auth::AuthorizationServer;

/// Which authorization server clients are told about.
///
/// ```no_run
/// use toolgate::{PropelAuth, propelauth::Advertise};
///
/// let auth = PropelAuth::from_env()?.advertise(Advertise::ThisServer);
/// # let _ = auth;
/// # Ok::<(), toolgate::propelauth::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advertise {
    /// PropelAuth if its metadata is consistent, this server if it is not.
    #[default]
    Automatic,
    /// PropelAuth in any case: `AUTH_URL/oauth/2.1`. Where its metadata is inconsistent, strict clients refuse it.
    PropelAuth,
    /// This server in any case: it serves PropelAuth's metadata under its own name.
    ThisServer,
}

/// What the document's `issuer` is, as seen from the Auth URL.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Issuer {
    /// `AUTH_URL/oauth/2.1`: consistent.
    AtPath,
    /// `AUTH_URL`: another one than it was fetched for.
    AtRoot,
    /// A third one.
    Elsewhere(String),
}

/// Who is advertised, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    this_server: bool,
    wish: Advertise,
    found: Issuer,
    expected: String,
}

impl Choice {
    pub(super) fn new(wish: Advertise, auth_url: &AuthUrl, metadata: &Metadata) -> Self {
        let expected = auth_url.issuer();
        let issuer = metadata.issuer.trim_end_matches('/');
        let found = if issuer == expected {
            Issuer::AtPath
        } else if issuer == auth_url.as_str() {
            Issuer::AtRoot
        } else {
            Issuer::Elsewhere(metadata.issuer.clone())
        };
        let this_server = match wish {
            Advertise::Automatic => found != Issuer::AtPath,
            Advertise::PropelAuth => false,
            Advertise::ThisServer => true,
        };
        Self { this_server, wish, found, expected }
    }

    /// What is advertised. The document that is served always names the issuer that is advertised.
    pub(super) fn apply(&self, metadata: Metadata, base_url: &str) -> AuthorizationServer {
        let issuer = match (self.this_server, &self.found) {
            (true, _) => base_url.to_owned(),
            // As it is written there, slash at the end or not: clients compare it letter by letter.
            (false, Issuer::AtPath) => metadata.issuer,
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

    /// Whether somebody should look at this: clients will or may stumble over it.
    pub(super) fn is_worrying(&self) -> bool {
        match self.found {
            Issuer::AtPath => false,
            Issuer::AtRoot => !self.this_server,
            Issuer::Elsewhere(_) => true,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = &self.expected;
        if self.this_server {
            f.write_str("clients are told that this server is the authorization server, ")?;
        } else {
            write!(f, "clients are told that {expected} is the authorization server, ")?;
        }
        match self.wish {
            Advertise::Automatic => f.write_str("because ")?,
            Advertise::PropelAuth | Advertise::ThisServer => {
                write!(f, "because it was set to Advertise::{:?}; ", self.wish)?;
            }
        }
        match &self.found {
            Issuer::AtPath => write!(f, "PropelAuth's metadata names that issuer ({expected})"),
            Issuer::AtRoot => write!(
                f,
                "PropelAuth's metadata names an issuer without the path ({expected} was expected), and strict clients \
                 refuse that at PropelAuth's own address (RFC 8414, section 3.3)"
            ),
            Issuer::Elsewhere(issuer) => write!(
                f,
                "PropelAuth's metadata names the issuer {issuer:?} instead of {expected}: check that \
                 PROPELAUTH_AUTH_URL is the Auth URL that the dashboard shows under Backend Integration"
            ),
        }
    }
}

/// Writes a choice to the log when it is another one than last time.
#[derive(Debug, Default)]
pub(super) struct ChangeLogger {
    last: Mutex<Option<Choice>>,
}

impl ChangeLogger {
    /// Returns whether there was something to say.
    pub(super) fn log(&self, choice: Choice) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&choice) {
            return false;
        }
        if choice.is_worrying() {
            tracing::warn!("{choice}");
        } else {
            tracing::info!("{choice}");
        }
        *last = Some(choice);
        true
    }
}

#[cfg(test)]
mod tests;
