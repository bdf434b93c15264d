//! The session cookie.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use crate::secret::random_secret;

/// The value of a browser's session cookie.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SessionId(String);

/// Omits the ID, which is a secret of the browser.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId")
    }
}

impl SessionId {
    pub(crate) fn random() -> Self {
        Self(random_secret())
    }

    /// Reads the cookie with this name.
    pub(crate) fn from_headers(headers: &HeaderMap, cookie: &str) -> Option<Self> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == cookie && value.len() == 43)
            .map(|(_, value)| Self(value.to_owned()))
    }

    /// Returns the `Set-Cookie` header. It has no `Secure` attribute, because the tenant serves plain http on loopback.
    pub(crate) fn set_cookie(&self, cookie: &str) -> String {
        format!("{cookie}={}; Path=/; HttpOnly; SameSite=Lax", self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
