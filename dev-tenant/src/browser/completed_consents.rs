//! Completed consents, which are needed when a form is sent twice and when a person navigates back.

use std::collections::HashMap;

use url::Url;

use crate::clock::now;
use crate::secret::Digest;

use super::session::SessionId;

/// Time for which a completed consent is stored, in seconds. It equals the lifetime of form tokens.
const LIFETIME: u64 = 60 * 60;

/// The outcome of a consent form.
#[derive(Clone, Debug)]
pub(crate) struct CompletedConsent {
    pub(crate) redirect: Url,
    /// The issued code. `None` if access was denied.
    pub(crate) code: Option<String>,
}

/// The consents that were completed in the last hour.
#[derive(Debug, Default)]
pub(crate) struct CompletedConsents {
    by_form_token: HashMap<Digest, (CompletedConsent, u64)>,
    by_request: HashMap<Digest, u64>,
}

impl CompletedConsents {
    /// Returns the outcome of a form that was sent before.
    pub(crate) fn of_form(&self, form_token: &str) -> Option<&CompletedConsent> {
        self.by_form_token.get(&Digest::of(form_token)).map(|(consent, _)| consent)
    }

    /// Returns whether a consent for this authorization request was completed in this session.
    pub(crate) fn contains_request(&self, session: &SessionId, query: &str) -> bool {
        self.by_request.contains_key(&request_key(session, query))
    }

    pub(crate) fn insert(&mut self, session: &SessionId, query: &str, form_token: &str, consent: CompletedConsent) {
        let now = now();
        self.by_form_token.retain(|_, (_, expires_at)| *expires_at > now);
        self.by_request.retain(|_, expires_at| *expires_at > now);
        let expires_at = now.saturating_add(LIFETIME);
        self.by_form_token.insert(Digest::of(form_token), (consent, expires_at));
        self.by_request.insert(request_key(session, query), expires_at);
    }
}

fn request_key(session: &SessionId, query: &str) -> Digest {
    Digest::of(&format!("{} {query}", session.as_str()))
}
