//! Revocations that race with requests, in thousands of interleavings.
//!
//! A scheduler polls requests, delivers introspection requests and responses, changes the state at the authorization
//! server, revokes, cancels requests and advances the time, one step at a time. A seed determines the order. In every
//! order: no call is accepted because of a response from before a revocation that was acknowledged before the call,
//! and no token that was always valid is rejected.
//!
//! `REVOCATION_RACE_SEEDS` sets the number of interleavings; `REVOCATION_RACE_SEED` runs a single one.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::Pin,
    rc::Rc,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::{Context, Poll, Wake, Waker},
};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;

use super::*;

const SEEDS: u64 = 3000;
const USERS: usize = 3;
/// Each user has two tokens. One of them names no organization.
const TOKENS: usize = 2 * USERS;
/// User whose tokens are always valid.
const VALID_USER: usize = 0;
const REQUESTS: usize = 24;
const CHANGES: usize = 8;
const ORG: &str = "org";

/// Prints the seed if the test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this interleaving failed: REVOCATION_RACE_SEED={}", self.0);
        }
    }
}

/// State of a user at the authorization server.
#[derive(Clone, Copy)]
struct UserState {
    is_active: bool,
    was_inactive: bool,
    /// Number of the state. Each change increments it.
    version: u64,
    /// Version at the latest acknowledged revocation. A call that starts after it must not use an older version.
    acknowledged: u64,
    /// Number of acknowledged revocations.
    revocations: u64,
}

/// Introspection request or response that is in flight until the scheduler delivers it.
#[derive(Clone, Default)]
struct InFlight(Rc<(Cell<bool>, RefCell<Option<Waker>>)>);

impl InFlight {
    fn deliver(&self) {
        self.0.0.set(true);
        if let Some(waker) = self.0.1.take() {
            waker.wake();
        }
    }

    /// Returns whether the request that it belongs to was cancelled.
    fn is_abandoned(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }
}

impl Future for InFlight {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.0.get() {
            return Poll::Ready(());
        }
        *self.0.1.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Token cache, and the authorization server that its loads call.
struct Simulation {
    cache: TokenCache,
    revocation_clock: Arc<RevocationClock>,
    is_single_flight: bool,
    rng: RefCell<Pcg32>,
    /// Whether introspection requests can fail.
    can_fail: Cell<bool>,
    users: RefCell<[UserState; USERS]>,
    in_flight: RefCell<Vec<InFlight>>,
    /// Number of concurrent loads of each token.
    loads: RefCell<HashMap<usize, usize>>,
    /// Number of times that the clock was advanced, each by a bit more than half a TTL.
    half_ttls: Cell<u64>,
    /// Number of failed introspection requests for each token.
    failures: RefCell<[u64; TOKENS]>,
    accepted: Cell<u64>,
    rejected: Cell<u64>,
    unavailable: Cell<u64>,
}

/// Load of a token that is in progress.
struct LoadGuard<'a> {
    simulation: &'a Simulation,
    token: usize,
}

impl Drop for LoadGuard<'_> {
    fn drop(&mut self) {
        *self.simulation.loads.borrow_mut().get_mut(&self.token).unwrap() -= 1;
    }
}

fn user_of(token: usize) -> usize {
    token % USERS
}

/// The client ID is the version of the user's state.
fn claims_of(token: usize, version: u64) -> Claims {
    let claims = Claims::new().subject(user_of(token).to_string()).client_id(version.to_string());
    if token < USERS { claims.organization(ORG, "Member") } else { claims }
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = Pcg32::seed_from_u64(seed);
        let ttl = if rng.random_ratio(20, 100) { Duration::ZERO } else { TTL };
        let stale_if_error = if rng.random_ratio(50, 100) { Duration::ZERO } else { 2 * TTL };
        let revocation_clock = Arc::new(RevocationClock::new(Duration::from_mins(5)));
        let config = TokenCacheConfig { ttl: Some(ttl), stale_if_error, ..config() };
        let user = UserState { is_active: true, was_inactive: false, version: 1, acknowledged: 0, revocations: 0 };
        Self {
            cache: TokenCache::new(config, Arc::clone(&revocation_clock)),
            revocation_clock,
            is_single_flight: !ttl.is_zero(),
            can_fail: Cell::new(rng.random_ratio(50, 100)),
            rng: RefCell::new(rng),
            users: RefCell::new([user; USERS]),
            in_flight: RefCell::default(),
            loads: RefCell::default(),
            half_ttls: Cell::default(),
            failures: RefCell::default(),
            accepted: Cell::default(),
            rejected: Cell::default(),
            unavailable: Cell::default(),
        }
    }

    fn random_below(&self, bound: usize) -> usize {
        self.rng.borrow_mut().random_range(0..bound)
    }

    fn random_chance(&self, percent: u32) -> bool {
        self.rng.borrow_mut().random_ratio(percent, 100)
    }

    async fn delivery(&self) {
        let message = InFlight::default();
        self.in_flight.borrow_mut().push(message.clone());
        message.await;
    }

    /// Sends an introspection request.
    async fn introspect(&self, token: usize) -> Result<Arc<Caller>, ValidationError> {
        let guard = {
            let mut loads = self.loads.borrow_mut();
            let count = loads.entry(token).or_default();
            *count += 1;
            assert!(!self.is_single_flight || *count == 1, "two concurrent loads of token {token}");
            LoadGuard { simulation: self, token }
        };
        self.delivery().await;
        let user = self.users.borrow()[user_of(token)];
        let fails = self.can_fail.get() && self.random_chance(20);
        self.delivery().await;
        drop(guard);
        if fails {
            self.failures.borrow_mut()[token] += 1;
            return Err(Unavailable::new("down").into());
        }
        if user.is_active {
            Ok(caller(&claims_of(token, user.version)))
        } else {
            Err(Inactive::new("the user is disabled").into())
        }
    }

    /// Makes a call with a token and asserts the invariants.
    async fn call(&self, token: usize) {
        let bearer = BearerToken::parse(&format!("token{token}")).unwrap();
        let before = self.users.borrow()[user_of(token)];
        let failures = self.failures.borrow()[token];
        let half_ttls = self.half_ttls.get();
        let result = self.cache.get(&bearer, || self.introspect(token)).await;
        let after = self.users.borrow()[user_of(token)];
        match result {
            Ok(caller) => {
                self.accepted.set(self.accepted.get() + 1);
                let version: u64 = caller.client_id().unwrap().parse().unwrap();
                let revoked = before.acknowledged;
                assert!(
                    version >= revoked,
                    "a call with token {token} was accepted by version {version}, but started after the revocation of \
                     version {revoked} was acknowledged"
                );
                // The cache also rejects calls that started before the revocation.
                let revoked = after.acknowledged;
                assert!(
                    version >= revoked,
                    "a call with token {token} was accepted by version {version} after the revocation of version \
                     {revoked} was acknowledged"
                );
            }
            Err(ValidationError::Inactive(_)) => {
                self.rejected.set(self.rejected.get() + 1);
                assert!(after.was_inactive, "token {token} was always valid, but was rejected");
            }
            Err(ValidationError::Unavailable(_)) => {
                self.unavailable.set(self.unavailable.get() + 1);
                let has_failed = self.failures.borrow()[token] > failures;
                let revoked = after.revocations - before.revocations;
                // The load of an earlier call may have taken longer than the TTL. This can happen once.
                let expired = ((self.half_ttls.get() - half_ttls) / 2).min(1);
                let discarded = revoked + expired;
                assert!(has_failed || discarded >= 2, "token {token} is unavailable without a cause");
            }
        }
    }

    /// Changes the state at the authorization server. Returns the revocation, which is applied later.
    fn change(&self) -> Revocation {
        let user = self.random_below(USERS);
        let mut users = self.users.borrow_mut();
        let (revocation, affected) = match self.random_below(6) {
            0..3 => (Revocation::User(user.to_string()), user..user + 1),
            3 => (Revocation::Member { user: user.to_string(), org: ORG.to_owned() }, user..user + 1),
            4 => (Revocation::Organization(ORG.to_owned()), 0..USERS),
            _ => (Revocation::All, 0..USERS),
        };
        for index in affected {
            let user = &mut users[index];
            user.version += 1;
            // Otherwise the version alone changes, as for a change of role.
            if index != VALID_USER && self.random_chance(60) {
                user.is_active = !user.is_active;
                user.was_inactive |= !user.is_active;
            }
        }
        revocation
    }

    /// Applies and acknowledges a revocation. Calls from here on must see the current version.
    fn revoke(&self, revocation: &Revocation) {
        self.revocation_clock.revoke(revocation);
        for (index, user) in self.users.borrow_mut().iter_mut().enumerate() {
            let is_affected = match revocation {
                Revocation::User(id) | Revocation::Member { user: id, .. } => *id == index.to_string(),
                _ => true,
            };
            if is_affected {
                user.acknowledged = user.version;
                user.revocations += 1;
            }
        }
    }

    /// Delivers one message. Returns `false` if none is in flight.
    fn deliver_one(&self) -> bool {
        let mut in_flight = self.in_flight.borrow_mut();
        in_flight.retain(|message| !message.is_abandoned());
        if in_flight.is_empty() {
            return false;
        }
        let count = in_flight.len();
        let message = in_flight.swap_remove(self.random_below(count));
        drop(in_flight);
        message.deliver();
        true
    }
}

struct WokenFlag(AtomicBool);

impl Wake for WokenFlag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Task<'a> = (Pin<Box<dyn Future<Output = ()> + 'a>>, Arc<WokenFlag>);

/// Calls in progress. A task is polled only after it was woken, and the seed determines the order.
#[derive(Default)]
struct Tasks<'a>(Vec<Task<'a>>);

impl<'a> Tasks<'a> {
    fn spawn(&mut self, future: impl Future<Output = ()> + 'a) {
        self.0.push((Box::pin(future), Arc::new(WokenFlag(AtomicBool::new(true)))));
    }

    /// Polls one task that was woken. Returns `false` if there is none.
    fn poll_one(&mut self, simulation: &Simulation) -> bool {
        let woken: Vec<_> = (0..self.0.len()).filter(|&task| self.0[task].1.0.load(Ordering::SeqCst)).collect();
        if woken.is_empty() {
            return false;
        }
        let index = woken[simulation.random_below(woken.len())];
        let (future, flag) = &mut self.0[index];
        flag.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(flag));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(self.0.swap_remove(index));
        }
        true
    }

    /// Cancels one task, as when its client disconnects.
    fn cancel_one(&mut self, simulation: &Simulation) {
        if !self.0.is_empty() {
            drop(self.0.swap_remove(simulation.random_below(self.0.len())));
        }
    }

    fn finish(&mut self, simulation: &Simulation) {
        while self.poll_one(simulation) || simulation.deliver_one() {}
        assert!(self.0.is_empty(), "{} calls are never woken", self.0.len());
    }
}

/// Runs one interleaving. Returns the number of calls that were accepted, rejected, and unavailable.
async fn run(seed: u64) -> [u64; 3] {
    let _seed = Seed(seed);
    let simulation = Simulation::new(seed);
    let mut tasks = Tasks::default();
    let (mut requests, mut changes) = (REQUESTS, CHANGES);
    let mut pending = Vec::new();
    while requests + changes > 0 || !pending.is_empty() {
        match simulation.random_below(100) {
            0..20 if requests > 0 => {
                requests -= 1;
                tasks.spawn(simulation.call(simulation.random_below(TOKENS)));
            }
            20..30 if changes > 0 => {
                changes -= 1;
                pending.push(simulation.change());
            }
            30..40 if !pending.is_empty() => {
                let revocation = pending.swap_remove(simulation.random_below(pending.len()));
                simulation.revoke(&revocation);
            }
            40..42 => tasks.cancel_one(&simulation),
            42..44 => {
                tokio::time::advance(TTL / 2 + Duration::from_millis(1)).await;
                simulation.half_ttls.set(simulation.half_ttls.get() + 1);
            }
            44..70 => drop(simulation.deliver_one()),
            _ => drop(tasks.poll_one(&simulation)),
        }
    }
    tasks.finish(&simulation);
    // Once all revocations are applied, every call sees the current state.
    simulation.can_fail.set(false);
    for token in 0..TOKENS {
        let user = simulation.users.borrow()[user_of(token)];
        assert_eq!(user.acknowledged.max(1), user.version, "every change was revoked");
        let [accepted, rejected] = [simulation.accepted.get(), simulation.rejected.get()];
        tasks.spawn(simulation.call(token));
        tasks.finish(&simulation);
        if !user.is_active {
            assert_eq!(simulation.rejected.get(), rejected + 1, "token {token} is inactive, but was not rejected");
        }
        if !user.was_inactive {
            assert_eq!(simulation.accepted.get(), accepted + 1, "token {token} is valid, but was not accepted");
        }
    }
    [simulation.accepted.get(), simulation.rejected.get(), simulation.unavailable.get()]
}

fn variable(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap_or_else(|_| panic!("{name} must be an integer")))
}

#[tokio::test(start_paused = true)]
async fn no_interleaving_accepts_a_revoked_token_or_rejects_a_valid_one() {
    let seeds = match variable("REVOCATION_RACE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("REVOCATION_RACE_SEEDS").unwrap_or(SEEDS),
    };
    let count = seeds.end - seeds.start;
    let mut totals = [0; 3];
    for seed in seeds {
        for (total, calls) in totals.iter_mut().zip(run(seed).await) {
            *total += calls;
        }
    }
    let [accepted, rejected, unavailable] = totals;
    println!("{count} interleavings: {accepted} calls accepted, {rejected} rejected, {unavailable} unavailable");
    assert!(count == 1 || totals.iter().all(|&calls| calls > count / 10), "a result is too rare: {totals:?}");
}

/// Sets the flag when it is dropped, so that the other threads stop if an assertion fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Checks the revocation clock with several threads: a response from before a revocation is not used after it, and
/// the revocations of other users invalidate nothing.
#[test]
fn no_response_outlives_its_revocation_with_several_threads() {
    const ROUNDS: u64 = 10_000;
    let clock = RevocationClock::new(Duration::from_mins(5));
    let [version, acknowledged, observed] = [const { AtomicU64::new(0) }; 3];
    let is_done = AtomicBool::new(false);
    let other = user("other");
    let start = clock.epoch();
    let invalidated = std::thread::scope(|scope| {
        scope.spawn(|| {
            let _is_done = SetOnDrop(&is_done);
            for round in 1..=ROUNDS {
                version.store(round, Ordering::Release);
                clock.revoke(&Revocation::User("revoked".to_owned()));
                acknowledged.store(round, Ordering::Release);
                // Every fourth round waits for a reader, so that the threads interleave on a machine with few cores.
                let waiting = std::time::Instant::now();
                while round % 4 == 0 && observed.load(Ordering::Acquire) < round {
                    assert!(waiting.elapsed() < Duration::from_secs(20), "no reader observed revocation {round}");
                    std::thread::yield_now();
                }
            }
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                clock.revoke(&Revocation::User("another".to_owned()));
                assert!(clock.is_current(&other, start));
                std::thread::yield_now();
            }
        });
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let revoked = user("revoked");
                let introspect = || {
                    let response = (clock.epoch(), version.load(Ordering::Acquire));
                    observed.fetch_max(response.1, Ordering::AcqRel);
                    response
                };
                let (mut response, mut invalidated) = (introspect(), 0_u64);
                while !is_done.load(Ordering::Acquire) {
                    let acknowledged = acknowledged.load(Ordering::Acquire);
                    if clock.is_current(&revoked, response.0) {
                        assert!(response.1 >= acknowledged, "{} was used after {acknowledged}", response.1);
                    } else {
                        invalidated += 1;
                        response = introspect();
                    }
                }
                invalidated
            })
        });
        readers.map(|reader| reader.join().unwrap())
    });
    println!("{ROUNDS} revocations invalidated {invalidated:?} responses");
    assert!(clock.is_current(&other, start));
}
