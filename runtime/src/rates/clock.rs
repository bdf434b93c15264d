//! The clock of rates.

#[cfg(any(test, feature = "cli", feature = "testing"))]
use std::sync::atomic::{AtomicU64, Ordering};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use governor::{clock::Clock, nanos::Nanos};

/// Clock that counts from its creation. It advances with the time, or only when a test advances it.
#[derive(Clone, Debug)]
pub(crate) struct RateClock(Arc<Source>);

#[derive(Debug)]
enum Source {
    Time(Instant),
    /// Nanoseconds.
    #[cfg(any(test, feature = "cli", feature = "testing"))]
    Manual(AtomicU64),
}

impl RateClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Source::Time(Instant::now())))
    }

    /// Creates a clock that stands still.
    #[cfg(any(test, feature = "cli", feature = "testing"))]
    pub(crate) fn manual() -> Self {
        Self(Arc::new(Source::Manual(AtomicU64::new(0))))
    }

    /// Advances a clock that stands still.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn advance(&self, time: Duration) {
        match &*self.0 {
            Source::Time(_) => {}
            Source::Manual(nanos) => {
                nanos.fetch_add(to_nanos(time), Ordering::SeqCst);
            }
        }
    }
}

impl Clock for RateClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        match &*self.0 {
            Source::Time(start) => to_nanos(start.elapsed()).into(),
            #[cfg(any(test, feature = "cli", feature = "testing"))]
            Source::Manual(nanos) => nanos.load(Ordering::SeqCst).into(),
        }
    }
}

fn to_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
