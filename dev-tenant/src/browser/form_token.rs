//! Form tokens, which prevent cross-site request forgery.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::now;
use crate::secret::random_secret;

use super::session::SessionId;

/// Lifetime of a form token, in seconds.
const LIFETIME: u64 = 60 * 60;

/// The form that a token is valid for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form<'a> {
    pub(crate) session: &'a SessionId,
    /// Name of the form.
    pub(crate) name: &'static str,
    /// Subject of the form, such as the authorization request that it is for.
    pub(crate) subject: &'a str,
}

/// Issues and validates form tokens, which are random, signed and bound to a session cookie.
#[derive(Debug)]
pub(crate) struct FormTokens {
    keyed: Hmac<Sha256>,
}

/// The key that signs form tokens. A data file stores it, so that a form stays valid over a restart.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct FormKey(String);

impl FormKey {
    pub(crate) fn random() -> Self {
        Self(random_secret())
    }
}

impl fmt::Debug for FormKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormKey(..)")
    }
}

impl FormTokens {
    pub(crate) fn new(key: &FormKey) -> Self {
        Self { keyed: Hmac::new_from_slice(key.0.as_bytes()).expect("a key of any length is valid") }
    }

    pub(crate) fn issue(&self, form: Form<'_>) -> String {
        let claims = format!("{}.{}", random_secret(), now().saturating_add(LIFETIME));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(form, &claims).finalize().into_bytes());
        format!("{claims}.{signature}")
    }

    /// Returns whether a token was issued for this form and has not expired.
    pub(crate) fn accepts(&self, form: Form<'_>, token: &str) -> bool {
        let Some((claims, signature)) = token.rsplit_once('.') else {
            return false;
        };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        let unexpired = claims
            .rsplit_once('.')
            .and_then(|(_, expires_at)| expires_at.parse::<u64>().ok())
            .is_some_and(|expires_at| expires_at > now());
        // `verify_slice` takes constant time.
        unexpired && self.mac(form, claims).verify_slice(&signature).is_ok()
    }

    fn mac(&self, form: Form<'_>, claims: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        for part in [form.session.as_str(), form.name, form.subject, claims] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_for_its_own_form_only() {
        let tokens = FormTokens::new(&FormKey::random());
        let (session, other) = (SessionId::random(), SessionId::random());
        let form = Form { session: &session, name: "consent", subject: "a=b" };
        let token = tokens.issue(form);
        assert!(tokens.accepts(form, &token));
        for wrong in
            [Form { session: &other, ..form }, Form { name: "login", ..form }, Form { subject: "a=c", ..form }]
        {
            assert!(!tokens.accepts(wrong, &token));
        }
        assert!(!tokens.accepts(form, &token.replacen('.', ".9", 1)));
        assert!(!FormTokens::new(&FormKey::random()).accepts(form, &token));
        assert!(!tokens.accepts(form, ""));
    }
}
