//! Login sessions, identified by a cookie.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use crate::clock::now;
use crate::secret::{Digest, random_secret};

/// Lifetime of a session, in seconds.
const LIFETIME: u64 = 8 * 60 * 60;

/// Maximum number of sessions. At the maximum, the one that expires first is evicted.
const MAX_SESSIONS: usize = 1000;

/// The value of a browser's session cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionId(String);

impl SessionId {
    pub(crate) fn random() -> Self {
        Self(random_secret())
    }

    /// Reads the cookie with this name.
    pub(crate) fn from_headers(headers: &HeaderMap, cookie: &str) -> Option<Self> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == cookie && value.len() == 43)
            .map(|(_, value)| Self(value.to_owned()))
    }

    /// Returns the `Set-Cookie` header. It has no `Secure` attribute, because the tenant serves plain http on loopback.
    pub(crate) fn set_cookie(&self, cookie: &str) -> String {
        format!("{cookie}={}; Path=/; HttpOnly; SameSite=Lax", self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The login sessions of all browsers.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: Mutex<HashMap<Digest, Session>>,
}

#[derive(Debug)]
struct Session {
    person: String,
    expires_at: u64,
}

impl Sessions {
    /// Logs a person in under a new session id, which prevents session fixation.
    pub(crate) fn log_in(&self, person: &str) -> SessionId {
        let mut sessions = self.lock();
        let now = now();
        sessions.retain(|_, session| session.expires_at > now);
        if sessions.len() >= MAX_SESSIONS {
            let first = sessions.iter().min_by_key(|(_, session)| session.expires_at).map(|(id, _)| id.clone());
            if let Some(id) = first {
                sessions.remove(&id);
            }
        }
        let id = SessionId::random();
        let session = Session { person: person.to_owned(), expires_at: now.saturating_add(LIFETIME) };
        sessions.insert(Digest::of(&id.0), session);
        id
    }

    /// Returns the id of the person who is logged in.
    pub(crate) fn person(&self, id: &SessionId) -> Option<String> {
        self.lock()
            .get(&Digest::of(&id.0))
            .filter(|session| session.expires_at > now())
            .map(|session| session.person.clone())
    }

    /// Ends all sessions of a person.
    pub(crate) fn log_out(&self, person: &str) {
        self.lock().retain(|_, session| session.person != person);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
