//! Whether tokens can be checked, for `/readyz` and the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Finding, Unavailable};

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
    /// The fatal findings that have not been mended yet.
    start_up: Vec<&'static str>,
    stopping: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Tokens {
    /// Nobody asked yet.
    #[default]
    Unknown,
    Checked,
    Failing(&'static str),
}

const CREDENTIALS_REFUSED: &str = "credentials_refused";
const UNAVAILABLE: &str = "authorization_server_unavailable";

impl Readiness {
    /// The authorization server answered about a token.
    pub(crate) fn answered(&self) {
        self.lock().checked();
    }

    /// It did not. Says so in the log when it begins, with what to do about it; not for every call that follows.
    pub(crate) fn failed(&self, unavailable: &Unavailable) {
        let reason = if unavailable.is_our_fault() { CREDENTIALS_REFUSED } else { UNAVAILABLE };
        let mut state = self.lock();
        if state.tokens != Tokens::Failing(reason) {
            if unavailable.is_our_fault() {
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

    /// What a preflight found. One without a fatal finding proves that tokens can be checked.
    pub(crate) fn looked(&self, findings: &[Finding]) {
        let mut fatal: Vec<_> = findings.iter().filter(|found| found.is_fatal()).map(Finding::code).collect();
        fatal.dedup();
        let mut state = self.lock();
        if fatal.is_empty() {
            state.checked();
        }
        state.start_up = fatal;
        drop(state);
        self.unready.notify_waiters();
    }

    /// From here on nobody should send requests.
    pub(crate) fn stopping(&self) {
        self.lock().stopping = true;
    }

    /// Why not to send requests here, in words for programs; none if all is well.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        let state = self.lock();
        let mut reasons: Vec<_> = state.stopping.then_some("shutting_down").into_iter().collect();
        reasons.extend(&state.start_up);
        match state.tokens {
            Tokens::Checked => {}
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
        state.tokens == Tokens::Checked && state.start_up.is_empty()
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
    fn checked(&mut self) {
        if matches!(self.tokens, Tokens::Failing(_)) {
            tracing::info!("tokens can be checked again");
        }
        self.tokens = Tokens::Checked;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_why_it_is_not_ready() {
        let readiness = Readiness::default();
        assert_eq!(readiness.reasons(), ["not_checked_yet"]);
        readiness.looked(&[Finding::fatal("a", "…"), Finding::warning("b", "…"), Finding::fatal("a", "…")]);
        assert_eq!(readiness.reasons(), ["a"]);
        readiness.answered();
        assert_eq!(readiness.reasons(), ["a"], "an answer about a token mends nothing else");
        readiness.failed(&Unavailable::new("…"));
        assert_eq!(readiness.reasons(), ["a", UNAVAILABLE]);
        readiness.looked(&[Finding::warning("b", "…")]);
        assert_eq!(readiness.reasons(), [""; 0]);
        readiness.failed(&Unavailable::new("…").our_fault());
        assert_eq!(readiness.reasons(), [CREDENTIALS_REFUSED]);
        readiness.answered();
        assert!(readiness.is_healthy());
        readiness.stopping();
        assert_eq!(readiness.reasons(), ["shutting_down"]);
    }

    #[tokio::test]
    async fn whoever_mends_it_is_told_when_it_breaks() {
        let readiness = std::sync::Arc::new(Readiness::default());
        readiness.until_unhealthy().await;
        readiness.answered();
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.until_unhealthy().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        readiness.failed(&Unavailable::new("…"));
        waiting.await.unwrap();
    }
}
