//! Proof Key for Code Exchange (RFC 7636) with the method `S256`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::error::OAuthError;
use super::params::Params;

/// The `code_challenge` of an authorization request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads the challenge. Its method must be `S256`.
    pub(crate) fn from_params(params: &Params) -> Result<Self, OAuthError> {
        let invalid = |text: &str| OAuthError::InvalidRequest(text.to_owned());
        let challenge = params
            .get("code_challenge")?
            .ok_or_else(|| invalid("missing parameter `code_challenge`; PKCE is required"))?;
        if params.get("code_challenge_method")? != Some("S256") {
            return Err(invalid("`code_challenge_method` must be S256"));
        }
        // 256 bits are 43 characters in base64url.
        if challenge.len() != 43 || !challenge.bytes().all(is_unreserved) {
            return Err(invalid("`code_challenge` must be a SHA-256 digest in base64url without padding"));
        }
        Ok(Self(challenge.to_owned()))
    }

    /// Returns whether this is the challenge of `verifier`. The comparison takes constant time.
    pub(crate) fn matches(&self, verifier: &CodeVerifier) -> bool {
        let expected = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.0.as_bytes()));
        self.0.as_bytes().ct_eq(expected.as_bytes()).into()
    }
}

/// The `code_verifier` of a token request.
pub(crate) struct CodeVerifier(String);

impl CodeVerifier {
    pub(crate) fn parse(text: &str) -> Result<Self, OAuthError> {
        if (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved) {
            Ok(Self(text.to_owned()))
        } else {
            Err(OAuthError::InvalidRequest(
                "`code_verifier` must be 43 to 128 unreserved characters (RFC 7636 section 4.1)".to_owned(),
            ))
        }
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_example_of_rfc_7636_appendix_b() {
        let params =
            Params::parse(b"code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256");
        let challenge = CodeChallenge::from_params(&params).unwrap();
        let verifier = CodeVerifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert!(challenge.matches(&verifier));
        let other = CodeVerifier::parse(&"a".repeat(43)).unwrap();
        assert!(!challenge.matches(&other));
    }

    #[test]
    fn rejects_a_verifier_of_wrong_length_or_characters() {
        assert!(CodeVerifier::parse(&"a".repeat(42)).is_err());
        assert!(CodeVerifier::parse(&"a".repeat(129)).is_err());
        assert!(CodeVerifier::parse(&"ä".repeat(43)).is_err());
    }
}
