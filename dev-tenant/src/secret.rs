//! Random secrets and their digests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Returns 256 random bits in base64url, which headers, forms and shells accept without escapes.
pub(crate) fn random_secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Returns 256 random bits in hexadecimal, the form of PropelAuth's API keys.
pub(crate) fn random_key() -> String {
    hexadecimal(&rand::random::<[u8; 32]>())
}

/// What a derived secret is for. A name of one purpose never yields the secret of another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    ApiKey,
    ProviderToken,
}

/// Returns the secret of a purpose that belongs to a name. It is always the same for the same key.
pub(crate) fn derived_secret(key: &str, purpose: Purpose, name: &str) -> String {
    let purpose = match purpose {
        Purpose::ApiKey => "api key\0",
        Purpose::ProviderToken => "provider token\0",
    };
    let digest = Sha256::new().chain_update(purpose).chain_update(key).chain_update("\0").chain_update(name);
    hexadecimal(&digest.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The SHA-256 digest of a secret, which is stored and looked up instead of the secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Digest(String);

impl Digest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this is the digest of `secret`. The comparison takes constant time.
    pub(crate) fn matches(&self, secret: &str) -> bool {
        let other = Self::of(secret);
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}
