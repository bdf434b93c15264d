//! Percentiles of measured times.

use std::{fmt, time::Duration};

/// Times, in ascending order.
pub(crate) struct Percentiles(Vec<Duration>);

impl Percentiles {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |percent: usize| self.0[(self.0.len() * percent).div_ceil(100) - 1];
        write!(f, "p50 {:.1?}, p99 {:.1?}, max {:.1?}", at(50), at(99), at(100))
    }
}
