//! Circuit breaker: after repeated failures, requests fail immediately instead of waiting for the authorization
//! server.
//!
//! It is closed until [`FAILURE_THRESHOLD`] requests in a row have failed, and then open: no requests are sent until
//! the backoff has passed. After that it is half-open: one request at a time probes the authorization server. A
//! failed probe doubles the backoff; a successful one closes the circuit breaker.
//!
//! A failure counts once it is confirmed, because it may concern the token of its request only. A failed probe is in
//! flight until then.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::metrics::{self, CircuitBreakerState};

/// Number of failures in a row that open the circuit breaker.
const FAILURE_THRESHOLD: u32 = 5;
/// Time for which the circuit breaker stays open at first. It doubles with each failed probe.
const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Circuit breaker for requests to the authorization server.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Number of confirmed failures in a row.
    failures: u32,
    /// Number of failures since the latest success that are not confirmed.
    unconfirmed: u32,
    backoff: Duration,
    /// End of the backoff, after which a request may probe. `None` if closed.
    open_until: Option<Instant>,
    /// Whether a probe is in flight.
    is_probing: bool,
    /// Whether the probe in flight has failed and is not confirmed.
    has_failed_probe: bool,
}

/// Permission to send one request, consumed by its outcome. Dropping it without an outcome, as when the client
/// disconnects, counts neither as a success nor as a failure.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    is_probe: bool,
}

impl CircuitBreaker {
    /// Returns a permit for one request.
    ///
    /// # Errors
    ///
    /// Returns the time to wait if the circuit breaker is open, or if a probe is in flight.
    pub(crate) fn permit(&self) -> Result<Permit<'_>, Duration> {
        let mut state = self.lock();
        let Some(until) = state.open_until else { return Ok(Permit { breaker: self, is_probe: false }) };
        let remaining = until.saturating_duration_since(Instant::now());
        if !remaining.is_zero() || state.is_probing {
            return Err(remaining.max(MIN_BACKOFF));
        }
        state.is_probing = true;
        metrics::circuit_breaker(CircuitBreakerState::Probing);
        Ok(Permit { breaker: self, is_probe: true })
    }

    /// Closes the circuit breaker, because a request without a permit has succeeded.
    pub(crate) fn close(&self) {
        Permit { breaker: self, is_probe: false }.succeeded();
    }

    /// Counts the failures since the latest success. Opens the circuit breaker at the threshold, and again after a
    /// failed probe.
    pub(crate) fn confirm_failures(&self) {
        let mut state = self.lock();
        let failures = std::mem::take(&mut state.unconfirmed);
        state.failures = state.failures.saturating_add(failures);
        let has_failed_probe = std::mem::take(&mut state.has_failed_probe);
        if has_failed_probe {
            state.is_probing = false;
            state.backoff = (state.backoff * 2).min(MAX_BACKOFF);
        } else if state.failures >= FAILURE_THRESHOLD && state.open_until.is_none() {
            state.backoff = MIN_BACKOFF;
            tracing::error!(
                failures = state.failures,
                "requests to the authorization server failed repeatedly: requests are now sent only to probe it"
            );
        } else {
            return;
        }
        state.open_until = Some(Instant::now() + state.backoff);
        metrics::circuit_breaker(CircuitBreakerState::Open);
    }

    #[cfg(test)]
    fn is_open(&self) -> bool {
        self.lock().open_until.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Records that the request succeeded. Closes the circuit breaker.
    pub(crate) fn succeeded(self) {
        let mut state = self.breaker.lock();
        if state.open_until.is_some() {
            tracing::info!("requests to the authorization server succeed again");
            metrics::circuit_breaker(CircuitBreakerState::Closed);
        }
        *state = State::default();
    }

    /// Records that the request failed. The failure counts once [`CircuitBreaker::confirm_failures`] is called.
    pub(crate) fn failed(mut self) {
        let mut state = self.breaker.lock();
        state.unconfirmed = state.unconfirmed.saturating_add(1);
        // A success of another request may have reset the state while this probe was in flight.
        if std::mem::take(&mut self.is_probe) && state.is_probing {
            state.has_failed_probe = true;
        }
    }

    /// Returns whether the request is a probe.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            let mut state = self.breaker.lock();
            // A success has reset the state, and has reported it as closed.
            if std::mem::take(&mut state.is_probing) {
                metrics::circuit_breaker(CircuitBreakerState::Open);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &CircuitBreaker, times: u32) {
        for _ in 0..times {
            breaker.permit().unwrap().failed();
            breaker.confirm_failures();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_breaker_opens_only_after_repeated_failures_in_a_row() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, FAILURE_THRESHOLD - 1);
        breaker.permit().unwrap().succeeded();
        fail(&breaker, FAILURE_THRESHOLD - 1);
        assert!(!breaker.is_open());
        fail(&breaker, 1);
        assert_eq!(breaker.permit().unwrap_err(), MIN_BACKOFF);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_permits_one_probe_at_a_time() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, FAILURE_THRESHOLD);
        tokio::time::advance(MIN_BACKOFF).await;
        let probe = breaker.permit().unwrap();
        assert!(breaker.permit().is_err());
        probe.failed();
        tokio::time::advance(MIN_BACKOFF).await;
        assert!(breaker.permit().is_err(), "the probe is not confirmed");
        breaker.confirm_failures();
        tokio::time::advance(MIN_BACKOFF).await;
        assert!(breaker.permit().is_err(), "the backoff has doubled");
        tokio::time::advance(MIN_BACKOFF).await;
        breaker.permit().unwrap().succeeded();
        assert!(breaker.permit().is_ok() && breaker.permit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_count_once_they_are_confirmed_and_not_after_a_success() {
        let breaker = CircuitBreaker::default();
        for _ in 0..100 {
            breaker.permit().unwrap().failed();
        }
        breaker.permit().unwrap().succeeded();
        breaker.confirm_failures();
        assert!(!breaker.is_open());
        for _ in 0..FAILURE_THRESHOLD {
            breaker.permit().unwrap().failed();
        }
        assert!(!breaker.is_open());
        breaker.confirm_failures();
        assert!(breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_without_a_permit_closes_the_breaker() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, FAILURE_THRESHOLD);
        assert!(breaker.permit().is_err());
        breaker.close();
        assert!(breaker.permit().is_ok() && !breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_after_the_breaker_was_closed_counts_as_one_failure() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, FAILURE_THRESHOLD);
        tokio::time::advance(MIN_BACKOFF).await;
        let probe = breaker.permit().unwrap();
        breaker.close();
        probe.failed();
        breaker.confirm_failures();
        assert!(!breaker.is_open());
        fail(&breaker, FAILURE_THRESHOLD - 1);
        assert_eq!(breaker.permit().unwrap_err(), MIN_BACKOFF);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_probe_permits_another_probe() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, FAILURE_THRESHOLD);
        tokio::time::advance(MIN_BACKOFF).await;
        drop(breaker.permit().unwrap());
        assert!(breaker.permit().is_ok());
    }
}
