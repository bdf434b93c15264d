//! Whether tokens can be checked, for `/readyz` and the log.

use std::sync::{Mutex, PoisonError};

use super::Unavailable;

/// What the last question to the authorization server came to.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// Nobody asked yet.
    #[default]
    Unknown,
    Ready,
    Failing {
        reason: &'static str,
    },
}

impl Readiness {
    pub(crate) fn answered(&self) {
        *self.lock() = State::Ready;
    }

    /// Says so in the log when it begins, with what to do about it; not for every call that follows.
    pub(crate) fn failed(&self, unavailable: &Unavailable) {
        let reason =
            if unavailable.is_our_fault() { "credentials_refused" } else { "authorization_server_unavailable" };
        let mut state = self.lock();
        if !matches!(&*state, State::Failing { reason: known } if *known == reason) {
            tracing::error!(reason = %unavailable, "tokens cannot be checked");
        }
        *state = State::Failing { reason };
    }

    /// # Errors
    ///
    /// Why not, in a word.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match &*self.lock() {
            State::Ready => Ok(()),
            State::Unknown => Err("not_checked_yet"),
            State::Failing { reason } => Err(reason),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
