//! Completed consents, which are needed when a form is sent twice and when a person navigates back.

use std::collections::HashMap;
use std::fmt;

use url::Url;

use crate::clock::now;
use crate::secret::Digest;

use super::session::SessionId;

/// Time for which a completed consent is stored, in seconds. It equals the lifetime of form tokens.
const LIFETIME: u64 = 60 * 60;

/// Maximum number of stored consents. At the maximum, the one that expires first is evicted.
const MAX_CONSENTS: usize = 1000;

/// The outcome of a consent form.
#[derive(Clone)]
pub(crate) struct CompletedConsent {
    pub(crate) redirect: Url,
    /// The issued code. `None` if access was denied.
    pub(crate) code: Option<String>,
}

/// Omits the redirect and the code.
impl fmt::Debug for CompletedConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletedConsent").finish_non_exhaustive()
    }
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
        evict_first(&mut self.by_form_token, |(_, expires_at)| *expires_at);
        evict_first(&mut self.by_request, |expires_at| *expires_at);
        let expires_at = now.saturating_add(LIFETIME);
        self.by_form_token.insert(Digest::of(form_token), (consent, expires_at));
        self.by_request.insert(request_key(session, query), expires_at);
    }
}

/// Makes room for an entry: removes the one that expires first if there are [`MAX_CONSENTS`].
fn evict_first<T>(entries: &mut HashMap<Digest, T>, expires_at: impl Fn(&T) -> u64) {
    if entries.len() >= MAX_CONSENTS {
        let first = entries.iter().min_by_key(|(_, entry)| expires_at(entry)).map(|(key, _)| key.clone());
        first.and_then(|key| entries.remove(&key));
    }
}

fn request_key(session: &SessionId, query: &str) -> Digest {
    Digest::of(&format!("{} {query}", session.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_stored_consents_is_bounded() {
        let mut consents = CompletedConsents::default();
        let consent = CompletedConsent { redirect: Url::parse("http://127.0.0.1/cb").unwrap(), code: None };
        let session = SessionId::random();
        for i in 0..10 * MAX_CONSENTS {
            consents.insert(&session, &format!("state={i}"), &format!("token-{i}"), consent.clone());
        }
        assert_eq!((consents.by_form_token.len(), consents.by_request.len()), (MAX_CONSENTS, MAX_CONSENTS));
    }
}
