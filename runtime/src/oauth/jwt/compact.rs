//! Form of a signed JWT: compact serialization (RFC 7515, section 3.1) and header (section 4).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{algorithm::SigningAlgorithm, key_set::MAX_KEY_ID};
use crate::{
    auth::Inactive,
    oauth::{access_token::quote, json_claims::JsonClaims},
};

/// Maximum size of a header, in bytes. A header has about 100.
const MAX_HEADER: usize = 4096;

/// A JWT whose header has been checked, and nothing else.
pub(super) struct CompactJwt<'a> {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) key_id: Option<String>,
    /// Lowercase media type without `application/` (RFC 7515, section 4.1.9).
    pub(super) r#type: Option<String>,
    /// The encoded header and payload, which the signature is about.
    pub(super) message: &'a [u8],
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl<'a> CompactJwt<'a> {
    /// Reads the header. Members that bring a key or refer to one (`jwk`, `jku`, `x5u`, `x5c`) are ignored: only keys of
    /// the issuer verify tokens (RFC 8725, section 3.10).
    pub(super) fn parse(token: &'a str, accepted: &[SigningAlgorithm]) -> Result<Self, Inactive> {
        let Parts { header, payload, signature } = Parts::split(token)?;
        if header.len() > MAX_HEADER {
            return Err(Inactive::new("the header of the JWT is too large"));
        }
        let header = JsonClaims::parse(&decode(header, "header")?)
            .map_err(|error| Inactive::new(format!("invalid header of the JWT: {error}")))?;
        let text = |name: &'static str| {
            header.string(name).map_err(|error| Inactive::new(format!("invalid header of the JWT: {error}")))
        };
        // RFC 7515, section 4.1.11: extensions that are not understood make the token invalid.
        if header.get("crit").is_some() {
            return Err(Inactive::new("the JWT requires an extension (`crit`)"));
        }
        let name = text("alg")?.unwrap_or_default();
        let algorithm = SigningAlgorithm::from_name(&name).filter(|algorithm| accepted.contains(algorithm));
        let algorithm = algorithm
            .ok_or_else(|| Inactive::new(format!("the signing algorithm {} is not accepted", quote(&name))))?;
        let key_id = text("kid")?;
        if key_id.as_ref().is_some_and(|id| id.len() > MAX_KEY_ID) {
            return Err(Inactive::new("the `kid` of the JWT is too long"));
        }
        let r#type = text("typ")?.map(|r#type| {
            let r#type = r#type.to_ascii_lowercase();
            r#type.strip_prefix("application/").map(str::to_owned).unwrap_or(r#type)
        });
        Ok(Self {
            algorithm,
            key_id,
            r#type,
            message: &token.as_bytes()[..token.len() - signature.len() - 1],
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
        })
    }
}

struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, Inactive> {
        let mut parts = token.split('.');
        match [(); 4].map(|()| parts.next()) {
            [Some(header), Some(payload), Some(signature), None] => Ok(Self { header, payload, signature }),
            _ if token.split('.').count() == 5 => Err(Inactive::new("the token is an encrypted JWT")),
            _ => Err(Inactive::new("the token is not a JWT")),
        }
    }
}

fn decode(part: &str, name: &str) -> Result<Vec<u8>, Inactive> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| Inactive::new(format!("the {name} of the JWT is not Base64url without padding")))
}

/// Returns the issuer that a token claims to have, if it is a JWT.
pub(super) fn unverified_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Payload {
        iss: String,
    }

    let Parts { payload, .. } = Parts::split(token).ok()?;
    let payload: Payload = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Some(payload.iss)
}
