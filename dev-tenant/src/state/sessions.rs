//! Login sessions of browsers, bounded in number.

use serde::{Deserialize, Serialize};

use crate::browser::{FormKey, SessionId};
use crate::clock::now;
use crate::secret::Digest;

use super::State;

/// Lifetime of a session, in seconds.
const LIFETIME: u64 = 8 * 60 * 60;

/// Maximum number of sessions. At the maximum, the one that expires first is removed.
const MAX_SESSIONS: usize = 1000;

/// A login session, stored under the digest of its cookie.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    person: String,
    expires_at: u64,
}

impl State {
    /// Logs a person in under a new session id, which prevents session fixation.
    pub(crate) fn log_in(&mut self, person: &str) -> SessionId {
        let now = now();
        self.sessions.remove_where(|_, session| session.expires_at <= now);
        let id = SessionId::random();
        let session = Session { person: person.to_owned(), expires_at: now.saturating_add(LIFETIME) };
        let key = Digest::of(id.as_str());
        self.sessions.put_bounded(key.as_str(), session, MAX_SESSIONS, |session| session.expires_at);
        id
    }

    /// Returns the id of the person who is logged in.
    pub(crate) fn session_person(&self, id: &SessionId) -> Option<&str> {
        let session = self.sessions.get(Digest::of(id.as_str()).as_str())?;
        (session.expires_at > now()).then_some(session.person.as_str())
    }

    /// Ends all sessions of a person.
    pub(crate) fn log_out(&mut self, person: &str) {
        self.sessions.remove_where(|_, session| session.person == person);
    }

    /// Returns the key that signs form tokens. It is created on the first start.
    pub(crate) fn form_key(&mut self) -> FormKey {
        const KEY: &str = "forms";
        if let Some(key) = self.form_keys.get(KEY) {
            return key.clone();
        }
        let key = FormKey::random();
        self.form_keys.put(KEY, key.clone());
        key
    }
}
