//! Digest of a token.

use sha2::{Digest as _, Sha256};

use super::BearerToken;

/// SHA-256 of a token, the key of the cache. The cache does not contain tokens.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(crate) fn of(token: &BearerToken) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
