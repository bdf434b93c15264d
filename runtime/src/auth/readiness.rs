//! Readiness: whether tokens can be validated, for `/readyz` and the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{
    Diagnostic, Unavailable,
    code::{CREDENTIALS_REJECTED, UNAVAILABLE},
};

/// Readiness of the server, from the latest preflight check and the latest validation of a token.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    state: Mutex<State>,
    /// Wakes [`until_unhealthy`](Self::until_unhealthy) to check the state again.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    validation: Validation,
    /// Codes of the fatal diagnostics of the latest preflight check.
    fatal_diagnostics: Vec<&'static str>,
    is_shutting_down: bool,
}

/// Result of the latest validation of a token.
#[derive(Debug, Default, PartialEq, Eq)]
enum Validation {
    /// No token has been validated.
    #[default]
    Unknown,
    /// The latest validation or preflight check succeeded.
    Succeeding,
    /// The validator has no preflight check, and no validation has failed since the server became ready.
    Unchecked,
    /// The latest validation failed, with the readiness code.
    Failing(&'static str),
}

impl Readiness {
    /// Records that the authorization server responded to an introspection request.
    pub(crate) fn validation_succeeded(&self) {
        self.lock().validation_succeeded();
    }

    /// Records that a token could not be validated. Logs the first failure of an outage.
    pub(crate) fn validation_failed(&self, unavailable: &Unavailable) {
        let code = if unavailable.is_misconfigured() { CREDENTIALS_REJECTED } else { UNAVAILABLE };
        let mut state = self.lock();
        if state.validation != Validation::Failing(code) {
            if unavailable.is_misconfigured() {
                tracing::error!(
                    reason = %unavailable,
                    "the authorization server rejects this server's credentials: no token can be validated until they \
                     are corrected"
                );
            } else {
                tracing::error!(reason = %unavailable, "tokens cannot be validated");
            }
        }
        state.validation = Validation::Failing(code);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Records the result of a preflight check. If `checks_tokens`, a result without a fatal diagnostic means that
    /// tokens can be validated.
    pub(crate) fn preflight_finished(&self, diagnostics: &[Diagnostic], checks_tokens: bool) {
        let mut codes: Vec<_> =
            diagnostics.iter().filter(|diagnostic| diagnostic.is_fatal()).map(Diagnostic::code).collect();
        codes.sort_unstable();
        codes.dedup();
        let mut state = self.lock();
        if codes.is_empty() {
            if checks_tokens {
                state.validation_succeeded();
            } else if state.validation != Validation::Succeeding {
                state.validation = Validation::Unchecked;
            }
        }
        state.fatal_diagnostics = codes;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Records that the server is shutting down and must not receive new requests.
    pub(crate) fn shutting_down(&self) {
        self.lock().is_shutting_down = true;
    }

    /// Returns the codes of the reasons why this server must not receive requests. Empty if it is ready.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        let state = self.lock();
        let mut reasons: Vec<_> = state.is_shutting_down.then_some("shutting_down").into_iter().collect();
        reasons.extend(&state.fatal_diagnostics);
        match state.validation {
            Validation::Succeeding | Validation::Unchecked => {}
            // The diagnostics are more specific.
            Validation::Unknown if !state.fatal_diagnostics.is_empty() => {}
            Validation::Unknown => reasons.push("not_checked_yet"),
            Validation::Failing(code) if state.fatal_diagnostics.contains(&code) => {}
            Validation::Failing(code) => reasons.push(code),
        }
        reasons
    }

    /// Returns whether no validation has failed since the latest success and no diagnostic is fatal.
    pub(crate) fn is_healthy(&self) -> bool {
        let state = self.lock();
        matches!(state.validation, Validation::Succeeding | Validation::Unchecked)
            && state.fatal_diagnostics.is_empty()
    }

    /// Waits until [`is_healthy`](Self::is_healthy) returns `false`.
    pub(crate) async fn until_unhealthy(&self) {
        loop {
            // Created before the check, so that a change after the check wakes this.
            let changed = self.changed.notified();
            if !self.is_healthy() {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn validation_succeeded(&mut self) {
        if matches!(self.validation, Validation::Failing(_)) {
            tracing::info!("tokens can be validated again");
        }
        self.validation = Validation::Succeeding;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_every_reason_why_it_is_not_ready() {
        let readiness = Readiness::default();
        assert_eq!(readiness.reasons(), ["not_checked_yet"]);
        readiness.preflight_finished(
            &[
                Diagnostic::fatal("a", "…"),
                Diagnostic::warning("b", "…"),
                Diagnostic::fatal("c", "…"),
                Diagnostic::fatal("a", "…"),
            ],
            true,
        );
        assert_eq!(readiness.reasons(), ["a", "c"]);
        readiness.validation_succeeded();
        assert_eq!(readiness.reasons(), ["a", "c"], "an introspection response does not clear a diagnostic");
        readiness.validation_failed(&Unavailable::new("…"));
        assert_eq!(readiness.reasons(), ["a", "c", UNAVAILABLE]);
        readiness.preflight_finished(&[Diagnostic::warning("b", "…")], true);
        assert_eq!(readiness.reasons(), [""; 0]);
        readiness.validation_failed(&Unavailable::new("…").misconfigured());
        assert_eq!(readiness.reasons(), [CREDENTIALS_REJECTED]);
        readiness.validation_succeeded();
        assert!(readiness.is_healthy());
        readiness.shutting_down();
        assert_eq!(readiness.reasons(), ["shutting_down"]);
    }

    #[test]
    fn a_validator_without_a_check_is_ready_until_a_validation_fails() {
        let readiness = Readiness::default();
        readiness.preflight_finished(&[], false);
        assert!(readiness.is_healthy() && readiness.reasons().is_empty());
        readiness.validation_failed(&Unavailable::new("…"));
        assert_eq!(readiness.reasons(), [UNAVAILABLE]);
        readiness.preflight_finished(&[], false);
        assert!(readiness.is_healthy(), "ready again, so that requests test the authorization server");
    }

    #[tokio::test]
    async fn until_unhealthy_returns_when_validation_fails() {
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
