//! ID of a session.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// `Mcp-Session-Id`: 244 random bits. Only the client has it; the server stores its [`SessionKey`].
pub(super) struct SessionId(String);

/// SHA-256 of a session ID, under which the session is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionKey([u8; 32]);

impl SessionId {
    pub(super) fn random() -> Self {
        let bytes = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(super) fn key(&self) -> SessionKey {
        SessionKey::of(self.0.as_bytes())
    }

    /// Returns the value of the header, which `Debug` does not show.
    pub(super) fn to_header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&self.0).expect("Base64 is a valid header value");
        value.set_sensitive(true);
        value
    }
}

impl SessionKey {
    /// Returns the key of an ID that a client sent.
    pub(super) fn of(id: &[u8]) -> Self {
        Self(Sha256::digest(id).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_their_header_shows_none_of_them() {
        let (first, second) = (SessionId::random(), SessionId::random());
        assert_ne!(first.0, second.0);
        assert!(first.0.len() >= 40 && !format!("{:?}", first.to_header()).contains(&first.0));
        assert!(first.key() == SessionKey::of(first.0.as_bytes()) && first.key() != second.key());
    }
}
