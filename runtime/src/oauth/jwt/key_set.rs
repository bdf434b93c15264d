//! Public keys of an authorization server: a JSON Web Key Set (RFC 7517).

use std::{fmt, time::SystemTime};

use jsonwebtoken::{
    DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, EllipticCurve},
};
use serde_json::{Map, Value};
use thiserror::Error;
use tokio::time::Instant;

use super::algorithm::{KeyType, SigningAlgorithm};
use crate::json_memory;

/// Maximum number of keys in a set. Authorization servers have a handful.
pub(super) const MAX_KEYS: usize = 64;
/// Maximum number of JSON values in a set.
const MAX_VALUES: usize = 4096;
/// Maximum length of a key ID, in bytes.
pub(super) const MAX_KEY_ID: usize = 1024;
/// Maximum number of keys with which the signature of one token is verified.
const MAX_CANDIDATES: usize = 4;

/// The keys that can verify signatures, at the time at which they were fetched.
pub(super) struct KeySet {
    keys: Vec<Key>,
    pub(super) fetched_at: Instant,
    /// The same time on the clock with which tokens are compared.
    pub(super) fetched_at_time: SystemTime,
}

struct Key {
    id: Option<String>,
    family: KeyType,
    /// The only algorithm that the key is meant for.
    algorithm: Option<SigningAlgorithm>,
    public: DecodingKey,
}

/// Reason why a key set is invalid. The text quotes nothing of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum KeySetError {
    #[error("it is not a JSON object with an array `keys`")]
    NotAKeySet,
    #[error("it has more than {MAX_KEYS} keys or {MAX_VALUES} values")]
    TooLarge,
    #[error(
        "no key can verify signatures: expected RSA keys of 2048 to 8192 bits, or keys on P-256, P-384 or Ed25519"
    )]
    NoUsableKey,
}

impl KeySet {
    /// Parses a set. Keys of an unknown type, for another use, or with invalid parameters are ignored, as RFC 7517,
    /// section 5 says.
    pub(super) fn parse(body: &[u8]) -> Result<Self, KeySetError> {
        if json_memory::has_more_values_than(body, MAX_VALUES) {
            return Err(KeySetError::TooLarge);
        }
        let document: Map<String, Value> = serde_json::from_slice(body).map_err(|_| KeySetError::NotAKeySet)?;
        let keys = document.get("keys").and_then(Value::as_array).ok_or(KeySetError::NotAKeySet)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooLarge);
        }
        let keys: Vec<_> = keys.iter().filter_map(Key::parse).collect();
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(Self { keys, fetched_at: Instant::now(), fetched_at_time: SystemTime::now() })
    }

    /// Returns whether a token without a key ID does not show which key verifies it.
    pub(super) fn is_ambiguous(&self, id: Option<&str>, algorithm: SigningAlgorithm) -> bool {
        id.is_none() && self.keys.iter().filter(|key| key.fits(algorithm)).nth(1).is_some()
    }

    /// Returns the keys that can verify a token with this key ID and algorithm. A token without a key ID fits only if a
    /// single key does.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: SigningAlgorithm) -> Candidates<'_> {
        let mut keys: Vec<_> = self.keys.iter().filter(|key| key.fits(algorithm)).collect();
        match id {
            Some(id) => keys.retain(|key| key.id.as_deref() == Some(id)),
            None if keys.len() > 1 => keys.clear(),
            None => {}
        }
        keys.truncate(MAX_CANDIDATES);
        Candidates { keys, algorithm }
    }
}

/// Shows the number of keys only.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("len", &self.keys.len()).finish_non_exhaustive()
    }
}

/// Keys that fit a token.
pub(super) struct Candidates<'a> {
    keys: Vec<&'a Key>,
    algorithm: SigningAlgorithm,
}

impl Candidates<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns whether one of the keys verifies the signature.
    pub(super) fn verify(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        self.keys.iter().any(|key| self.algorithm.verify(&key.public, message, signature))
    }
}

impl Key {
    fn parse(jwk: &Value) -> Option<Self> {
        let text = |name: &str| match jwk.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => value.as_str().map(Some),
        };
        let is_for_signatures = text("use")?.is_none_or(|r#use| r#use == "sig")
            && jwk.get("key_ops").filter(|operations| !operations.is_null()).is_none_or(|operations| {
                operations.as_array().is_some_and(|operations| operations.iter().any(|name| name == "verify"))
            });
        let id = text("kid")?.filter(|id| id.len() <= MAX_KEY_ID).map(str::to_owned);
        let algorithm = match text("alg")? {
            None => None,
            Some(name) => Some(SigningAlgorithm::from_name(name)?),
        };
        let (family, public) = parse_public_key(jwk)?;
        let key = Self { id, family, algorithm, public };
        (is_for_signatures && algorithm.is_none_or(|algorithm| key.fits(algorithm))).then_some(key)
    }

    fn fits(&self, algorithm: SigningAlgorithm) -> bool {
        self.family == algorithm.key_type() && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

fn parse_public_key(jwk: &Value) -> Option<(KeyType, DecodingKey)> {
    let parameters: AlgorithmParameters = serde_json::from_value(jwk.clone()).ok()?;
    match parameters {
        AlgorithmParameters::RSA(rsa) => {
            let key = DecodingKey::from_rsa_components(&rsa.n, &rsa.e).ok()?;
            let DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind() else { return None };
            // Other lengths are rejected when a signature is verified.
            let modulus = n.iter().skip_while(|byte| **byte == 0).count();
            (256..=1024).contains(&modulus).then_some((KeyType::Rsa, key))
        }
        AlgorithmParameters::EllipticCurve(point) => {
            let (key_type, length) = match point.curve {
                EllipticCurve::P256 => (KeyType::P256, 65),
                EllipticCurve::P384 => (KeyType::P384, 97),
                _ => return None,
            };
            let key = DecodingKey::from_ec_components(&point.x, &point.y).ok()?;
            (key.try_get_as_bytes().ok()?.len() == length).then_some((key_type, key))
        }
        AlgorithmParameters::OctetKeyPair(point) if point.curve == EllipticCurve::Ed25519 => {
            let key = DecodingKey::from_ed_components(&point.x).ok()?;
            (key.try_get_as_bytes().ok()?.len() == 32).then_some((KeyType::Ed25519, key))
        }
        _ => None,
    }
}
