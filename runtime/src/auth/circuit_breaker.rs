//! A circuit breaker: after repeated failures nobody waits for the next one.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::metrics::{self, CircuitBreakerState};

/// How many failures in a row open it.
const THRESHOLD: u32 = 5;
/// How long it stays open at first; doubled with every probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    pause: Duration,
    /// Nobody asks before this, and then one at a time.
    open_until: Option<Instant>,
    probing: bool,
}

/// Permission to ask, to be settled with what came of it. Dropped unsettled (the caller went away) it says nothing.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    probe: bool,
}

impl CircuitBreaker {
    /// # Errors
    ///
    /// How long to wait, if it is open.
    pub(crate) fn permit(&self) -> Result<Permit<'_>, Duration> {
        let mut state = self.lock();
        let Some(until) = state.open_until else { return Ok(Permit { breaker: self, probe: false }) };
        let wait = until.saturating_duration_since(Instant::now());
        if !wait.is_zero() || state.probing {
            return Err(wait.max(FIRST_PAUSE));
        }
        state.probing = true;
        metrics::circuit_breaker(CircuitBreakerState::Probing);
        Ok(Permit { breaker: self, probe: true })
    }

    /// There are answers again, as somebody found out who did not ask for a permit.
    pub(crate) fn close(&self) {
        Permit { breaker: self, probe: false }.succeeded();
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
    /// There was an answer, whatever it said.
    pub(crate) fn succeeded(self) {
        let mut state = self.breaker.lock();
        if state.open_until.is_some() {
            tracing::info!("the authorization server answers again");
            metrics::circuit_breaker(CircuitBreakerState::Closed);
        }
        *state = State::default();
    }

    /// There was none.
    pub(crate) fn failed(self) {
        let mut state = self.breaker.lock();
        state.failures += 1;
        if self.probe {
            state.pause = (state.pause * 2).min(LONGEST_PAUSE);
        } else if state.failures >= THRESHOLD && state.open_until.is_none() {
            state.pause = FIRST_PAUSE;
            tracing::error!(
                failures = state.failures,
                "the authorization server does not answer; it is asked less often now"
            );
        } else {
            return;
        }
        state.open_until = Some(Instant::now() + state.pause);
        metrics::circuit_breaker(CircuitBreakerState::Open);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe {
            let mut state = self.breaker.lock();
            // Settled as a success, it is closed already.
            if std::mem::take(&mut state.probing) {
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
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_repeated_failures_only() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, THRESHOLD - 1);
        breaker.permit().unwrap().succeeded();
        fail(&breaker, THRESHOLD - 1);
        assert!(!breaker.is_open());
        fail(&breaker, 1);
        assert_eq!(breaker.permit().unwrap_err(), FIRST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn it_probes_one_call_at_a_time() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, THRESHOLD);
        tokio::time::advance(FIRST_PAUSE).await;
        let probe = breaker.permit().unwrap();
        assert!(breaker.permit().is_err());
        probe.failed();
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(breaker.permit().is_err(), "the pause has doubled");
        tokio::time::advance(FIRST_PAUSE).await;
        breaker.permit().unwrap().succeeded();
        assert!(breaker.permit().is_ok() && breaker.permit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_out_that_there_are_answers_again_closes_it() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, THRESHOLD);
        assert!(breaker.permit().is_err());
        breaker.close();
        assert!(breaker.permit().is_ok() && !breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_whose_caller_went_away_makes_room_for_another() {
        let breaker = CircuitBreaker::default();
        fail(&breaker, THRESHOLD);
        tokio::time::advance(FIRST_PAUSE).await;
        drop(breaker.permit().unwrap());
        assert!(breaker.permit().is_ok());
    }
}
