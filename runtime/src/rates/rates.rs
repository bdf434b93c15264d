//! The limits of a server, and counting requests in them.

#[cfg(feature = "redis")]
use std::sync::Arc;
use std::{
    collections::{BTreeMap, HashMap},
    future::{Ready, ready},
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU32,
    time::Duration,
};

use foldhash::fast::FixedState;
use futures_util::future::{BoxFuture, Either};
use governor::{Quota as Burst, RateLimiter, clock::Clock as _, middleware::StateInformationMiddleware};
use smallvec::SmallVec;

use super::{
    LimitKind, RateClock, RateLimited,
    counters::{Counters, Key},
    quota::{Counted, Quota},
};
use crate::{
    auth::{Caller, RateSubject},
    metrics::{self, CounterSet},
    operation::OperationKind,
    rate::Rate,
    registry::{RegisteredOperation, Registry},
};
#[cfg(feature = "redis")]
use crate::{
    metrics::Label as _,
    replication::{SharedCount, SharedOutcome, SharedRates},
};

/// Result of counting a request: immediate in memory, later if Redis counts.
type Counting<'a> = Either<Ready<Counted>, BoxFuture<'a, Counted>>;

/// The limits that a request is counted in, in this order, each with the caller of whom it is the limit.
type Counts<'a> = SmallVec<[(&'a Limit, Option<RateSubject<'a>>); 2]>;

/// The limits of a server.
pub(crate) struct Rates {
    caller: Option<Limit>,
    /// Limits of roles, by name; `None` for a role without a limit. A fast hash without a secret is safe here: callers
    /// only look names up.
    roles: HashMap<String, Option<Limit>, FixedState>,
    operations: HashMap<(OperationKind, &'static str), OperationLimits, FixedState>,
    /// Keyed hasher for callers, so that a caller cannot cause a collision.
    hasher: RandomState,
    clock: RateClock,
    /// Counters that the replicas share.
    #[cfg(feature = "redis")]
    shared: Option<Arc<SharedRates>>,
    limited: CounterSet<LimitKind>,
}

/// What the limits of a server are made of.
pub(crate) struct RatesParts<'a> {
    pub(crate) caller: Option<Rate>,
    pub(crate) roles: &'a BTreeMap<String, Option<Rate>>,
    pub(crate) registry: &'a Registry,
    pub(crate) max_counters: usize,
    pub(crate) clock: RateClock,
    #[cfg(feature = "redis")]
    pub(crate) shared: Option<Arc<SharedRates>>,
}

/// The limits of the calls of an operation.
struct OperationLimits {
    caller: Option<Limit>,
    total: Option<Limit>,
}

/// A limit.
struct Limit {
    /// Position among the limits of the server.
    position: usize,
    kind: LimitKind,
    rate: Rate,
    /// The role or the label of the operation.
    subject: Box<str>,
    limiter: RateLimiter<Key, Counters, RateClock, StateInformationMiddleware>,
}

impl Rates {
    /// Creates the limits. `None` if nothing has a rate.
    pub(crate) fn new(parts: RatesParts<'_>) -> Option<Self> {
        let RatesParts { caller, roles, registry, max_counters, clock, .. } = parts;
        let operations = || registry.operations().iter().filter(|operation| operation.has_rate());
        let limits = 1 + roles.len() + 2 * operations().count();
        let counters = Counters::new(limits, max_counters, clock.clone());
        let mut position = 0..limits;
        let mut limit = |kind, rate: Option<Rate>, subject: &str| {
            let rate = rate?;
            let limiter = RateLimiter::new(burst(rate), counters.clone(), clock.clone());
            Some(Limit { position: position.next()?, kind, rate, subject: subject.into(), limiter })
        };
        let caller = limit(LimitKind::Caller, caller, "");
        let roles: HashMap<_, _, _> =
            roles.iter().map(|(role, rate)| (role.clone(), limit(LimitKind::Role, *rate, role))).collect();
        let operations: HashMap<_, _, _> = operations()
            .map(|operation| {
                let label = operation.policy().label();
                let caller = limit(LimitKind::Operation, operation.rate(), &label);
                let total = limit(LimitKind::OperationTotal, operation.total_rate(), &label);
                ((operation.kind(), operation.name()), OperationLimits { caller, total })
            })
            .collect();
        let has_limits = caller.is_some() || roles.values().any(Option::is_some) || !operations.is_empty();
        has_limits.then(|| Self {
            caller,
            roles,
            operations,
            hasher: RandomState::new(),
            clock,
            #[cfg(feature = "redis")]
            shared: parts.shared,
            limited: CounterSet::new(metrics::RATE_LIMITED),
        })
    }

    /// Counts a request in the limit of its caller: that of the caller's role or, if the role has none, that of all callers.
    pub(crate) fn count_request<'a>(&'a self, caller: &'a Caller) -> Counting<'a> {
        let of_role = caller.org_role().and_then(|role| self.roles.get(role));
        let limit = of_role.map_or(self.caller.as_ref(), Option::as_ref);
        self.count(limit.map(|limit| (limit, Some(caller.rate_subject()))).into_iter().collect())
    }

    /// Counts an authorized call in the limits of its operation.
    pub(crate) fn count_call<'a>(&'a self, operation: &RegisteredOperation, caller: &'a Caller) -> Counting<'a> {
        let limits =
            operation.has_rate().then(|| self.operations.get(&(operation.kind(), operation.name()))).flatten();
        let Some(OperationLimits { caller: of_caller, total }) = limits else { return Either::Left(ready(Ok(None))) };
        // The caller's own limit first: calls beyond it take nothing from those of others.
        let of_caller = of_caller.iter().map(|limit| (limit, Some(caller.rate_subject())));
        self.count(of_caller.chain(total.iter().map(|limit| (limit, None))).collect())
    }

    fn count<'a>(&'a self, counts: Counts<'a>) -> Counting<'a> {
        #[cfg(feature = "redis")]
        if let Some(shared) = self.shared.as_ref().filter(|_| !counts.is_empty()) {
            return Either::Right(Box::pin(self.count_in_redis(shared, counts)));
        }
        Either::Left(ready(self.count_in_memory(&counts)))
    }

    /// Counts in the limits that the replicas share. If Redis does not respond, counts in memory.
    #[cfg(feature = "redis")]
    async fn count_in_redis(&self, shared: &SharedRates, counts: Counts<'_>) -> Counted {
        let parts: SmallVec<[_; 2]> = counts.iter().map(|(limit, subject)| limit.parts(*subject)).collect();
        let requests: SmallVec<[SharedCount<'_>; 2]> =
            counts.iter().zip(&parts).map(|((limit, _), parts)| SharedCount { parts, rate: limit.rate }).collect();
        let Ok(outcomes) = shared.count(&requests).await else {
            metrics::rate_fallback();
            return self.count_in_memory(&counts);
        };
        let mut shown = None;
        for (&(limit, subject), outcome) in counts.iter().zip(outcomes) {
            match outcome {
                SharedOutcome::Counted { remaining } => limit.show(remaining, &mut shown),
                SharedOutcome::Rejected { retry_after } => return self.reject(limit, retry_after),
            }
            // Without Redis, this replica continues with what it has counted itself.
            let _ = limit.limiter.check_key(&self.key(limit, subject));
        }
        Ok(shown)
    }

    /// Counts in each limit, up to the first that rejects the request.
    fn count_in_memory(&self, counts: &Counts<'_>) -> Counted {
        let mut shown = None;
        for &(limit, subject) in counts {
            match limit.limiter.check_key(&self.key(limit, subject)) {
                Ok(state) => limit.show(state.remaining_burst_capacity(), &mut shown),
                Err(until) => return self.reject(limit, until.wait_time_from(self.clock.now())),
            }
        }
        Ok(shown)
    }

    fn key(&self, limit: &Limit, subject: Option<RateSubject<'_>>) -> Key {
        let caller = subject.map(|subject| self.hasher.hash_one((limit.position, subject)));
        Key { limit: limit.position, caller }
    }

    fn reject(&self, limit: &Limit, retry_after: Duration) -> Counted {
        self.limited.increment(limit.kind);
        let Limit { kind, rate, subject, .. } = limit;
        Err(Box::new(RateLimited { limit: *kind, rate: *rate, subject: subject.clone(), retry_after }))
    }
}

impl Limit {
    /// Returns what identifies the counter of a caller, or of all callers, on all replicas.
    #[cfg(feature = "redis")]
    fn parts<'a>(&'a self, subject: Option<RateSubject<'a>>) -> [&'a [u8]; 6] {
        let [kind, users, id, org] = subject.map_or([&b""[..]; 4], RateSubject::parts);
        [self.kind.name().as_bytes(), self.subject.as_bytes(), kind, users, id, org]
    }

    /// Sets the quota that the response shows.
    fn show(&self, remaining: u32, shown: &mut Option<Quota>) {
        if self.kind.is_shown() {
            *shown = Some(Quota { limit: self.kind, rate: self.rate, remaining });
        }
    }
}

/// Returns the quota of a rate: all of it in one burst, refilled evenly.
fn burst(rate: Rate) -> Burst {
    let quantity = NonZeroU32::new(rate.quantity()).expect("the quantity of a rate is positive");
    let interval = rate.period() / rate.quantity();
    Burst::with_period(interval).expect("an interval is at least a microsecond").allow_burst(quantity)
}
