//! Readiness: whether tokens can be validated, for `/readyz` and the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{
    Diagnostic, Unavailable,
    code::{CREDENTIALS_REJECTED, UNAVAILABLE},
};
use crate::metrics;

/// Readiness of the server: whether one of its validators can validate tokens.
#[derive(Debug)]
pub(crate) struct Readiness {
    state: Mutex<State>,
    /// Wakes [`until_unhealthy`](Self::until_unhealthy) to check the state again.
    changed: Notify,
}

/// Readiness of one validator, from its latest preflight check and the latest validation of a token.
#[derive(Clone, Debug)]
pub(crate) struct ValidatorReadiness {
    readiness: Arc<Readiness>,
    index: usize,
}

#[derive(Debug)]
struct State {
    validators: Vec<ValidatorState>,
    is_shutting_down: bool,
}

#[derive(Clone, Debug, Default)]
struct ValidatorState {
    validation: Validation,
    /// Codes of the fatal diagnostics of the latest preflight check.
    fatal_diagnostics: Vec<&'static str>,
}

/// Result of the latest validation of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// Readiness of a server with one validator.
impl Default for Readiness {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Readiness {
    pub(crate) fn new(validators: usize) -> Self {
        let state = State { validators: vec![ValidatorState::default(); validators], is_shutting_down: false };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Returns the readiness of the validator with this index.
    pub(crate) fn of_validator(self: &Arc<Self>, index: usize) -> ValidatorReadiness {
        ValidatorReadiness { readiness: Arc::clone(self), index }
    }

    /// Records that the server is shutting down and must not receive new requests.
    pub(crate) fn shutting_down(&self) {
        let mut state = self.lock();
        state.is_shutting_down = true;
        state.publish();
    }

    /// Returns the codes of the reasons why this server must not receive requests. Empty if it is ready.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        self.lock().reasons()
    }

    /// Sets the metrics of the readiness, because a recorder was installed.
    pub(crate) fn publish(&self) {
        self.lock().publish();
    }

    /// Returns the codes of the reasons why a validator cannot validate tokens, also while another one can.
    pub(crate) fn problems(&self) -> Vec<&'static str> {
        self.lock().problems()
    }

    /// Returns whether no validation of a validator has failed since its latest success, and no diagnostic is fatal.
    pub(crate) fn is_healthy(&self) -> bool {
        self.lock().validators.iter().all(ValidatorState::is_healthy)
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

impl ValidatorReadiness {
    /// Records that the authorization server responded to an introspection request.
    pub(crate) fn validation_succeeded(&self) {
        let mut state = self.readiness.lock();
        state.validators[self.index].validation_succeeded();
        state.publish();
    }

    /// Records that a token could not be validated. Logs the first failure of an outage.
    pub(crate) fn validation_failed(&self, unavailable: &Unavailable) {
        let code = if unavailable.is_misconfigured() { CREDENTIALS_REJECTED } else { UNAVAILABLE };
        let mut state = self.readiness.lock();
        let validator = &mut state.validators[self.index];
        if validator.validation != Validation::Failing(code) {
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
        validator.validation = Validation::Failing(code);
        state.publish();
        drop(state);
        self.readiness.changed.notify_waiters();
    }

    /// Records the result of a preflight check. If `checks_tokens`, a result without a fatal diagnostic means that
    /// tokens can be validated.
    pub(crate) fn preflight_finished(&self, diagnostics: &[Diagnostic], checks_tokens: bool) {
        let mut codes: Vec<_> =
            diagnostics.iter().filter(|diagnostic| diagnostic.is_fatal()).map(Diagnostic::code).collect();
        codes.sort_unstable();
        codes.dedup();
        let mut state = self.readiness.lock();
        let validator = &mut state.validators[self.index];
        if codes.is_empty() {
            if checks_tokens {
                validator.validation_succeeded();
            } else if validator.validation != Validation::Succeeding {
                validator.validation = Validation::Unchecked;
            }
        }
        validator.fatal_diagnostics = codes;
        state.publish();
        drop(state);
        self.readiness.changed.notify_waiters();
    }
}

impl State {
    fn reasons(&self) -> Vec<&'static str> {
        let mut reasons: Vec<_> = self.is_shutting_down.then_some("shutting_down").into_iter().collect();
        if self.validators.iter().all(|validator| !validator.is_healthy()) {
            reasons.extend(self.problems());
        }
        reasons
    }

    fn publish(&self) {
        metrics::server_ready(self.reasons().is_empty());
        metrics::preflight_checked(self.validators.iter().map(|validator| validator.fatal_diagnostics.len()).sum());
    }

    /// Returns the codes of all validators, each once.
    fn problems(&self) -> Vec<&'static str> {
        let mut problems = Vec::new();
        for code in self.validators.iter().flat_map(ValidatorState::problems) {
            if !problems.contains(&code) {
                problems.push(code);
            }
        }
        problems
    }
}

impl ValidatorState {
    fn validation_succeeded(&mut self) {
        if matches!(self.validation, Validation::Failing(_)) {
            tracing::info!("tokens can be validated again");
        }
        self.validation = Validation::Succeeding;
    }

    fn is_healthy(&self) -> bool {
        matches!(self.validation, Validation::Succeeding | Validation::Unchecked) && self.fatal_diagnostics.is_empty()
    }

    fn problems(&self) -> Vec<&'static str> {
        let mut problems = self.fatal_diagnostics.clone();
        match self.validation {
            Validation::Succeeding | Validation::Unchecked => {}
            // The diagnostics are more specific.
            Validation::Unknown if !self.fatal_diagnostics.is_empty() => {}
            Validation::Unknown => problems.push("not_checked_yet"),
            Validation::Failing(code) if self.fatal_diagnostics.contains(&code) => {}
            Validation::Failing(code) => problems.push(code),
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_every_reason_why_it_is_not_ready() {
        let readiness = Arc::new(Readiness::default());
        let validator = readiness.of_validator(0);
        assert_eq!(readiness.reasons(), ["not_checked_yet"]);
        validator.preflight_finished(
            &[
                Diagnostic::fatal("a", "…"),
                Diagnostic::warning("b", "…"),
                Diagnostic::fatal("c", "…"),
                Diagnostic::fatal("a", "…"),
            ],
            true,
        );
        assert_eq!(readiness.reasons(), ["a", "c"]);
        validator.validation_succeeded();
        assert_eq!(readiness.reasons(), ["a", "c"], "an introspection response does not clear a diagnostic");
        validator.validation_failed(&Unavailable::new("…"));
        assert_eq!(readiness.reasons(), ["a", "c", UNAVAILABLE]);
        validator.preflight_finished(&[Diagnostic::warning("b", "…")], true);
        assert_eq!(readiness.reasons(), [""; 0]);
        validator.validation_failed(&Unavailable::new("…").misconfigured());
        assert_eq!(readiness.reasons(), [CREDENTIALS_REJECTED]);
        validator.validation_succeeded();
        assert!(readiness.is_healthy());
        readiness.shutting_down();
        assert_eq!(readiness.reasons(), ["shutting_down"]);
    }

    #[test]
    fn a_validator_without_a_check_is_ready_until_a_validation_fails() {
        let readiness = Arc::new(Readiness::default());
        let validator = readiness.of_validator(0);
        validator.preflight_finished(&[], false);
        assert!(readiness.is_healthy() && readiness.reasons().is_empty());
        validator.validation_failed(&Unavailable::new("…"));
        assert_eq!(readiness.reasons(), [UNAVAILABLE]);
        validator.preflight_finished(&[], false);
        assert!(readiness.is_healthy(), "ready again, so that requests test the authorization server");
    }

    #[tokio::test]
    async fn until_unhealthy_returns_when_validation_fails() {
        let readiness = Arc::new(Readiness::default());
        let validator = readiness.of_validator(0);
        readiness.until_unhealthy().await;
        validator.validation_succeeded();
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.until_unhealthy().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        validator.validation_failed(&Unavailable::new("…"));
        waiting.await.unwrap();
    }

    #[test]
    fn a_server_is_ready_while_one_of_its_validators_can_validate_tokens() {
        let readiness = Arc::new(Readiness::new(2));
        let [first, second] = [0, 1].map(|index| readiness.of_validator(index));
        assert_eq!(readiness.reasons(), ["not_checked_yet"]);
        first.validation_succeeded();
        assert_eq!((readiness.reasons(), readiness.problems()), (vec![], vec!["not_checked_yet"]));
        assert!(!readiness.is_healthy(), "the second one has to be checked");
        second.validation_failed(&Unavailable::new("…"));
        assert_eq!((readiness.reasons(), readiness.problems()), (vec![], vec![UNAVAILABLE]));
        first.preflight_finished(&[Diagnostic::fatal("a", "…")], true);
        assert_eq!(readiness.reasons(), ["a", UNAVAILABLE]);
        second.validation_succeeded();
        assert_eq!((readiness.reasons(), readiness.problems()), (vec![], vec!["a"]));
    }
}
