//! Rates: how often callers may send requests and call operations, counted in memory or in the Redis of the replicas.
//!
//! Each limit is a rate for each caller, or for all callers together. It is decided with GCRA, the generic cell rate
//! algorithm: the whole quantity can be used in one burst, and refills continuously.

#[cfg(feature = "rates")]
mod clock;
#[cfg(feature = "rates")]
mod counters;
mod limit;
#[cfg(not(feature = "rates"))]
mod no_rates;
mod quota;
#[cfg(feature = "rates")]
#[expect(clippy::module_inception, reason = "the limits of a server are what the module is about")]
mod rates;

#[cfg(feature = "rates")]
pub(crate) use clock::RateClock;
pub(crate) use limit::{LimitKind, RateLimited};
#[cfg(not(feature = "rates"))]
pub(crate) use no_rates::Rates;
pub(crate) use quota::Quotas;
#[cfg(feature = "rates")]
pub(crate) use rates::{Rates, RatesParts};
