//! Limiting how often a message is logged that strangers can cause.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Minimum time between two messages of one [`LogLimit`].
pub(crate) const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Lets a message be logged at most once per [`LOG_INTERVAL`], and counts the messages in between.
///
/// Each message has a limit of its own, so that one cannot suppress another.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    logged_at: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// Calls `log` if the message may be logged now, with the number of messages that were suppressed since the last one.
    pub(crate) fn log(&self, log: impl FnOnce(u64)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.logged_at.is_some_and(|at| at.elapsed() < LOG_INTERVAL) {
            state.suppressed = state.suppressed.saturating_add(1);
            return;
        }
        let suppressed = std::mem::take(&mut *state).suppressed;
        state.logged_at = Some(Instant::now());
        // A subscriber may take long or log itself.
        drop(state);
        log(suppressed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_is_logged_once_per_interval_with_the_number_of_suppressed_ones() {
        let limit = LogLimit::default();
        let mut logged = Vec::new();
        for _ in 0..1000 {
            limit.log(|suppressed| logged.push(suppressed));
        }
        assert_eq!(logged, [0]);
        tokio::time::advance(LOG_INTERVAL).await;
        for _ in 0..10 {
            limit.log(|suppressed| logged.push(suppressed));
        }
        assert_eq!(logged, [0, 999]);
        tokio::time::advance(LOG_INTERVAL).await;
        limit.log(|suppressed| logged.push(suppressed));
        assert_eq!(logged, [0, 999, 9]);
    }
}
