//! Form tokens, against cross-site request forgery.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::now;
use crate::secret::random_secret;

use super::session::SessionId;

/// How long a form can be sent after it was shown, in seconds.
const LIFETIME: u64 = 60 * 60;

/// What a token is good for: one form, about one thing, in one browser.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form<'a> {
    pub(crate) session: &'a SessionId,
    pub(crate) purpose: &'static str,
    /// What the form is about; a token for one authorization request is worth nothing for another.
    pub(crate) about: &'a str,
}

/// Makes and checks form tokens: random, signed, bound to a browser's cookie.
#[derive(Debug)]
pub(crate) struct FormTokens {
    keyed: Hmac<Sha256>,
}

impl Default for FormTokens {
    fn default() -> Self {
        let key: [u8; 64] = rand::random();
        Self { keyed: Hmac::new(&key.into()) }
    }
}

impl FormTokens {
    pub(crate) fn issue(&self, form: Form<'_>) -> String {
        let claims = format!("{}.{}", random_secret(), now().saturating_add(LIFETIME));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(form, &claims).finalize().into_bytes());
        format!("{claims}.{signature}")
    }

    /// Whether the token was issued for this form, and not too long ago.
    pub(crate) fn accepts(&self, form: Form<'_>, token: &str) -> bool {
        let Some((claims, signature)) = token.rsplit_once('.') else {
            return false;
        };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        let in_time = claims
            .rsplit_once('.')
            .and_then(|(_, expires_at)| expires_at.parse::<u64>().ok())
            .is_some_and(|expires_at| expires_at > now());
        // `verify_slice` takes the same time for every signature.
        in_time && self.mac(form, claims).verify_slice(&signature).is_ok()
    }

    fn mac(&self, form: Form<'_>, claims: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        for part in [form.session.as_str(), form.purpose, form.about, claims] {
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
    fn a_token_is_good_for_its_own_form_only() {
        let tokens = FormTokens::default();
        let (mine, other) = (SessionId::random(), SessionId::random());
        let form = Form { session: &mine, purpose: "consent", about: "a=b" };
        let token = tokens.issue(form);
        assert!(tokens.accepts(form, &token));
        for wrong in
            [Form { session: &other, ..form }, Form { purpose: "login", ..form }, Form { about: "a=c", ..form }]
        {
            assert!(!tokens.accepts(wrong, &token));
        }
        assert!(!tokens.accepts(form, &token.replacen('.', ".9", 1)));
        assert!(!FormTokens::default().accepts(form, &token));
        assert!(!tokens.accepts(form, ""));
    }
}
