//! Whether tokens can be checked, for `/readyz` and the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Diagnostic, Unavailable};

/// What the last question to the authorization server came to, and what the start-up found.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    state: Mutex<State>,
    /// Told when it becomes unready.
    unready: Notify,
}

#[derive(Debug, Default)]
struct State {
    tokens: Tokens,
    /// The fatal diagnostics that have not been mended yet.
    start_up: Vec<&'static str>,
    shutting_down: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Tokens {
    /// Nobody asked yet.
    #[default]
    Unknown,
    Succeeding,
    Failing(&'static str),
}

const CREDENTIALS_REFUSED: &str = "credentials_refused";
const UNAVAILABLE: &str = "authorization_server_unavailable";

impl Readiness {
    /// The authorization server answered about a token.
    pub(crate) fn validation_succeeded(&self) {
        self.lock().validation_succeeded();
    }

    /// It did not. Says so in the log when it begins, with what to do about it; not for every call that follows.
    pub(crate) fn validation_failed(&self, unavailable: &Unavailable) {
        let reason = if unavailable.is_misconfigured() { CREDENTIALS_REFUSED } else { UNAVAILABLE };
        let mut state = self.lock();
        if state.tokens != Tokens::Failing(reason) {
            if unavailable.is_misconfigured() {
                tracing::error!(
                    reason = %unavailable,
                    "this server's own credentials are refused: no token can be checked until they are right"
                );
            } else {
                tracing::error!(reason = %unavailable, "tokens cannot be checked");
            }
        }
        state.tokens = Tokens::Failing(reason);
        drop(state);
        self.unready.notify_waiters();
    }

    /// What a preflight found. One without a fatal diagnostic proves that tokens can be checked.
    pub(crate) fn preflight_finished(&self, diagnostics: &[Diagnostic]) {
        let mut fatal: Vec<_> = diagnostics.iter().filter(|found| found.is_fatal()).map(Diagnostic::code).collect();
        fatal.dedup();
        let mut state = self.lock();
        if fatal.is_empty() {
            state.validation_succeeded();
        }
        state.start_up = fatal;
        drop(state);
        self.unready.notify_waiters();
    }

    /// From here on nobody should send requests.
    pub(crate) fn shutting_down(&self) {
        self.lock().shutting_down = true;
    }

    /// Why not to send requests here, in words for programs; none if all is well.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        let state = self.lock();
        let mut reasons: Vec<_> = state.shutting_down.then_some("shutting_down").into_iter().collect();
        reasons.extend(&state.start_up);
        match state.tokens {
            Tokens::Succeeding => {}
            // What was found says more.
            Tokens::Unknown if !state.start_up.is_empty() => {}
            Tokens::Unknown => reasons.push("not_checked_yet"),
            Tokens::Failing(reason) if state.start_up.contains(&reason) => {}
            Tokens::Failing(reason) => reasons.push(reason),
        }
        reasons
    }

    /// Whether all is well with the authorization server.
    pub(crate) fn is_healthy(&self) -> bool {
        let state = self.lock();
        state.tokens == Tokens::Succeeding && state.start_up.is_empty()
    }

    /// Waits until something is not well with it.
    pub(crate) async fn until_unhealthy(&self) {
        loop {
            // Before looking: what happens in between is not missed.
            let unready = self.unready.notified();
            if !self.is_healthy() {
                return;
            }
            unready.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn validation_succeeded(&mut self) {
        if matches!(self.tokens, Tokens::Failing(_)) {
            tracing::info!("tokens can be checked again");
        }
        self.tokens = Tokens::Succeeding;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_why_it_is_not_ready() {
        let readiness = Readiness::default();
        assert_eq!(readiness.reasons(), ["not_checked_yet"]);
        readiness.preflight_finished(&[
            Diagnostic::fatal("a", "…"),
            Diagnostic::warning("b", "…"),
            Diagnostic::fatal("a", "…"),
        ]);
        assert_eq!(readiness.reasons(), ["a"]);
        readiness.validation_succeeded();
        assert_eq!(readiness.reasons(), ["a"], "an answer about a token mends nothing else");
        readiness.validation_failed(&Unavailable::new("…"));
        assert_eq!(readiness.reasons(), ["a", UNAVAILABLE]);
        readiness.preflight_finished(&[Diagnostic::warning("b", "…")]);
        assert_eq!(readiness.reasons(), [""; 0]);
        readiness.validation_failed(&Unavailable::new("…").misconfigured());
        assert_eq!(readiness.reasons(), [CREDENTIALS_REFUSED]);
        readiness.validation_succeeded();
        assert!(readiness.is_healthy());
        readiness.shutting_down();
        assert_eq!(readiness.reasons(), ["shutting_down"]);
    }

    #[tokio::test]
    async fn whoever_mends_it_is_told_when_it_breaks() {
        let readiness = std::sync::Arc::new(Readiness::default());
        readiness.until_unhealthy().await;
        readiness.validation_succeeded();
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.until_unhealthy().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        readiness.validation_failed(&Unavailable::new("…"));
        waiting.await.unwrap();
    }
}
