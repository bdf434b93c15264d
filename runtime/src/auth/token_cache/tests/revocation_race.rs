//! RevocationClock against requests, in thousands of orders.
//!
//! A scheduler of our own polls requests, lets questions and answers travel, changes what the authorization server
//! says, revokes, gives requests up and lets time pass, one step at a time, in an order that follows from a seed alone.
//! Whatever the order: no call that began after a revocation was acknowledged is allowed by what was known before it,
//! and no token that was good all along is refused.
//!
//! `TOOLGATE_SEEDS` says how many orders, `TOOLGATE_SEED` which one alone.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::Pin,
    rc::Rc,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::{Context, Poll, Wake, Waker},
};

use super::*;

const SEEDS: u64 = 3000;
const USERS: usize = 3;
/// Two of each user, one of which names no organization.
const TOKENS: usize = 2 * USERS;
/// Of the users, one whose tokens are good all along.
const GOOD_USER: usize = 0;
const REQUESTS: usize = 24;
const CHANGES: usize = 8;
const ORG: &str = "org";

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Says which order it was if the test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this order failed: TOOLGATE_SEED={}", self.0);
        }
    }
}

/// What the authorization server would say of a user's tokens.
#[derive(Clone, Copy)]
struct Truth {
    active: bool,
    was_inactive: bool,
    /// Goes up with every change.
    generation: u64,
    /// The generation at the latest revocation that was acknowledged: nothing older may be used by who comes now.
    acknowledged: u64,
    /// How many revocations were acknowledged.
    revocations: u64,
}

/// A question or an answer on its way, until it is let through.
#[derive(Clone, Default)]
struct OnItsWay(Rc<(Cell<bool>, RefCell<Option<Waker>>)>);

impl OnItsWay {
    fn let_through(&self) {
        self.0.0.set(true);
        if let Some(waker) = self.0.1.take() {
            waker.wake();
        }
    }
}

impl Future for OnItsWay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.0.get() {
            return Poll::Ready(());
        }
        *self.0.1.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

struct World {
    cache: TokenCache,
    revocations: Arc<RevocationClock>,
    coalesces: bool,
    dice: RefCell<Dice>,
    failing: Cell<bool>,
    truths: RefCell<[Truth; USERS]>,
    on_their_way: RefCell<Vec<OnItsWay>>,
    asking: RefCell<HashMap<usize, usize>>,
    /// How often time passed, half a lifetime of an answer and a bit.
    half_lives: Cell<u64>,
    /// How many failures were heard of, by token.
    failures: RefCell<[u64; TOKENS]>,
    allowed: Cell<u64>,
    refused: Cell<u64>,
    unavailable: Cell<u64>,
}

/// One question about a token is under way.
struct Asking<'a>(&'a World, usize);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        *self.0.asking.borrow_mut().get_mut(&self.1).unwrap() -= 1;
    }
}

fn user_of(token: usize) -> usize {
    token % USERS
}

fn claims_of(token: usize, generation: u64) -> Claims {
    let claims = Claims::new().subject(user_of(token).to_string()).client_id(generation.to_string());
    if token < USERS { claims.organization(ORG, "Member") } else { claims }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let ttl = if dice.chance(20) { Duration::ZERO } else { TTL };
        let grace = if dice.chance(50) { Duration::ZERO } else { 2 * TTL };
        let revocations = Arc::new(RevocationClock::new(Duration::from_secs(300)));
        let truth = Truth { active: true, was_inactive: false, generation: 1, acknowledged: 0, revocations: 0 };
        Self {
            cache: TokenCache::new(
                TokenCacheConfig { ttl: Some(ttl), stale_if_error: grace, ..config() },
                Arc::clone(&revocations),
            ),
            revocations,
            coalesces: !ttl.is_zero(),
            failing: Cell::new(dice.chance(50)),
            dice: RefCell::new(dice),
            truths: RefCell::new([truth; USERS]),
            on_their_way: RefCell::default(),
            asking: RefCell::default(),
            half_lives: Cell::default(),
            failures: RefCell::default(),
            allowed: Cell::default(),
            refused: Cell::default(),
            unavailable: Cell::default(),
        }
    }

    fn below(&self, bound: usize) -> usize {
        self.dice.borrow_mut().below(bound)
    }

    fn chance(&self, percent: usize) -> bool {
        self.dice.borrow_mut().chance(percent)
    }

    async fn travel(&self) {
        let travelling = OnItsWay::default();
        self.on_their_way.borrow_mut().push(travelling.clone());
        travelling.await;
    }

    /// Asks the authorization server.
    async fn ask(&self, token: usize) -> Result<Arc<Caller>, ValidationError> {
        let asking = {
            let mut asking = self.asking.borrow_mut();
            let count = asking.entry(token).or_default();
            *count += 1;
            assert!(!self.coalesces || *count == 1, "two questions about one token at once");
            Asking(self, token)
        };
        self.travel().await;
        let truth = self.truths.borrow()[user_of(token)];
        let fails = self.failing.get() && self.chance(20);
        self.travel().await;
        drop(asking);
        if fails {
            self.failures.borrow_mut()[token] += 1;
            return Err(Unavailable::new("down").into());
        }
        if truth.active { Ok(caller(&claims_of(token, truth.generation))) } else { Err(ValidationError::Inactive) }
    }

    /// A call, and what must hold of its end.
    async fn call(&self, token: usize) {
        let bearer = BearerToken::parse(&format!("token{token}")).unwrap();
        let before = self.truths.borrow()[user_of(token)];
        let failures = self.failures.borrow()[token];
        let half_lives = self.half_lives.get();
        let answer = self.cache.get(&bearer, || self.ask(token)).await;
        let after = self.truths.borrow()[user_of(token)];
        match answer {
            Ok(caller) => {
                self.allowed.set(self.allowed.get() + 1);
                let learned: u64 = caller.client_id().unwrap().parse().unwrap();
                let revoked = before.acknowledged;
                assert!(
                    learned >= revoked,
                    "a call of token {token} was allowed by what was true at {learned}, but began after the \
                     revocation at {revoked} was acknowledged"
                );
                // And even a call that began before is not allowed any more.
                let revoked = after.acknowledged;
                assert!(
                    learned >= revoked,
                    "a call of token {token} was allowed by what was true at {learned} after the revocation at \
                     {revoked} was acknowledged"
                );
            }
            Err(ValidationError::Inactive) => {
                self.refused.set(self.refused.get() + 1);
                assert!(after.was_inactive, "token {token} was good all along, and was refused");
            }
            Err(ValidationError::Unavailable(_)) => {
                self.unavailable.set(self.unavailable.get() + 1);
                let failed = self.failures.borrow()[token] > failures;
                let revoked = after.revocations - before.revocations;
                // An answer to somebody else's earlier question may have taken longer than it may be used: once.
                let outlived = ((self.half_lives.get() - half_lives) / 2).min(1);
                let outdated = revoked + outlived;
                assert!(failed || outdated >= 2, "token {token} could not be checked, and nothing was wrong");
            }
        }
    }

    /// Something changes at the authorization server. The revocation comes later.
    fn change(&self) -> Revocation {
        let user = self.below(USERS);
        let mut truths = self.truths.borrow_mut();
        let (revocation, affected) = match self.below(6) {
            0..3 => (Revocation::User(user.to_string()), user..user + 1),
            3 => (Revocation::Member { user: user.to_string(), org: ORG.to_owned() }, user..user + 1),
            4 => (Revocation::Organization(ORG.to_owned()), 0..USERS),
            _ => (Revocation::All, 0..USERS),
        };
        for user in affected {
            let truth = &mut truths[user];
            truth.generation += 1;
            // A change of role, or access that ends or comes back.
            if user != GOOD_USER && self.chance(60) {
                truth.active = !truth.active;
                truth.was_inactive |= !truth.active;
            }
        }
        revocation
    }

    /// Whoever begins from here on must see what is true now.
    fn revoke(&self, revocation: &Revocation) {
        self.revocations.revoke(revocation);
        for (user, truth) in self.truths.borrow_mut().iter_mut().enumerate() {
            let affected = match revocation {
                Revocation::User(id) | Revocation::Member { user: id, .. } => *id == user.to_string(),
                _ => true,
            };
            if affected {
                truth.acknowledged = truth.generation;
                truth.revocations += 1;
            }
        }
    }

    fn let_one_through(&self) -> bool {
        let mut on_their_way = self.on_their_way.borrow_mut();
        // What was given up is not on its way any more.
        on_their_way.retain(|travelling| Rc::strong_count(&travelling.0) > 1);
        if on_their_way.is_empty() {
            return false;
        }
        let count = on_their_way.len();
        let chosen = on_their_way.swap_remove(self.below(count));
        drop(on_their_way);
        chosen.let_through();
        true
    }
}

struct Awake(AtomicBool);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Task<'a> = (Pin<Box<dyn Future<Output = ()> + 'a>>, Arc<Awake>);

/// Futures that are polled when they were woken, in the order of the dice.
#[derive(Default)]
struct Tasks<'a>(Vec<Task<'a>>);

impl<'a> Tasks<'a> {
    fn spawn(&mut self, future: impl Future<Output = ()> + 'a) {
        self.0.push((Box::pin(future), Arc::new(Awake(AtomicBool::new(true)))));
    }

    /// Polls one that was woken, if there is one.
    fn poll_one(&mut self, world: &World) -> bool {
        let awake: Vec<_> = (0..self.0.len()).filter(|&task| self.0[task].1.0.load(Ordering::SeqCst)).collect();
        if awake.is_empty() {
            return false;
        }
        let chosen = awake[world.below(awake.len())];
        let (future, flag) = &mut self.0[chosen];
        flag.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(flag));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(self.0.swap_remove(chosen));
        }
        true
    }

    /// A client goes away.
    fn give_one_up(&mut self, world: &World) {
        if !self.0.is_empty() {
            drop(self.0.swap_remove(world.below(self.0.len())));
        }
    }

    fn finish(&mut self, world: &World) {
        while self.poll_one(world) || world.let_one_through() {}
        assert!(self.0.is_empty(), "{} requests wait for nothing", self.0.len());
    }
}

/// One order. How many calls were allowed, refused, and could not be decided.
async fn run(seed: u64) -> [u64; 3] {
    let _seed = Seed(seed);
    let world = World::new(seed);
    let mut tasks = Tasks::default();
    let (mut requests, mut changes) = (REQUESTS, CHANGES);
    let mut pending = Vec::new();
    while requests + changes > 0 || !pending.is_empty() {
        match world.below(100) {
            0..20 if requests > 0 => {
                requests -= 1;
                tasks.spawn(world.call(world.below(TOKENS)));
            }
            20..30 if changes > 0 => {
                changes -= 1;
                pending.push(world.change());
            }
            30..40 if !pending.is_empty() => {
                let revocation = pending.swap_remove(world.below(pending.len()));
                world.revoke(&revocation);
            }
            40..42 => tasks.give_one_up(&world),
            42..44 => {
                tokio::time::advance(TTL / 2 + Duration::from_millis(1)).await;
                world.half_lives.set(world.half_lives.get() + 1);
            }
            44..70 => drop(world.let_one_through()),
            _ => drop(tasks.poll_one(&world)),
        }
    }
    tasks.finish(&world);
    // When all is quiet, everybody is told what is true.
    world.failing.set(false);
    for token in 0..TOKENS {
        let truth = world.truths.borrow()[user_of(token)];
        assert_eq!(truth.acknowledged.max(1), truth.generation, "every change was revoked");
        let [allowed, refused] = [world.allowed.get(), world.refused.get()];
        tasks.spawn(world.call(token));
        tasks.finish(&world);
        if !truth.active {
            assert_eq!(world.refused.get(), refused + 1, "token {token} is no good, and was not refused");
        }
        if !truth.was_inactive {
            assert_eq!(world.allowed.get(), allowed + 1, "token {token} is good, and was not allowed");
        }
    }
    [world.allowed.get(), world.refused.get(), world.unavailable.get()]
}

fn variable(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

#[tokio::test(start_paused = true)]
async fn no_order_of_events_allows_what_was_revoked_or_loses_what_is_good() {
    let seeds = match variable("TOOLGATE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("TOOLGATE_SEEDS").unwrap_or(SEEDS),
    };
    let count = seeds.end - seeds.start;
    let mut ends = [0; 3];
    for seed in seeds {
        for (sum, calls) in ends.iter_mut().zip(run(seed).await) {
            *sum += calls;
        }
    }
    let [allowed, refused, unavailable] = ends;
    println!("{count} orders: {allowed} calls allowed, {refused} refused, {unavailable} not decided");
    assert!(count == 1 || ends.iter().all(|&calls| calls > count / 10), "every end is reached often: {ends:?}");
}

/// Says that it is over, also if it failed.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// On real threads: what was learned before a revocation is not used by who comes after it, and a revocation of
/// others ends nothing.
#[test]
fn on_many_threads_nothing_outlives_its_revocation() {
    const ROUNDS: u64 = 10_000;
    let revocations = RevocationClock::new(Duration::from_secs(300));
    let [truth, acknowledged, noticed] = [const { AtomicU64::new(0) }; 3];
    let done = AtomicBool::new(false);
    let bystander = user("bystander");
    let begun = revocations.epoch();
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            let _done = Done(&done);
            for round in 1..=ROUNDS {
                truth.store(round, Ordering::Release);
                revocations.revoke(&Revocation::User("revoked".to_owned()));
                acknowledged.store(round, Ordering::Release);
                // Now and then everybody else gets to run, on a machine with few cores too.
                let waiting = std::time::Instant::now();
                while round % 4 == 0 && noticed.load(Ordering::Acquire) < round {
                    assert!(waiting.elapsed() < Duration::from_secs(20), "nobody noticed the revocation {round}");
                    std::thread::yield_now();
                }
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                revocations.revoke(&Revocation::User("another".to_owned()));
                assert!(revocations.is_current(&bystander, begun));
                std::thread::yield_now();
            }
        });
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let revoked = user("revoked");
                let learn = || {
                    let learned = (revocations.epoch(), truth.load(Ordering::Acquire));
                    noticed.fetch_max(learned.1, Ordering::AcqRel);
                    learned
                };
                let (mut learned, mut ended) = (learn(), 0_u64);
                while !done.load(Ordering::Acquire) {
                    let acknowledged = acknowledged.load(Ordering::Acquire);
                    if revocations.is_current(&revoked, learned.0) {
                        assert!(learned.1 >= acknowledged, "{} was used after {acknowledged}", learned.1);
                    } else {
                        ended += 1;
                        learned = learn();
                    }
                }
                ended
            })
        });
        readers.map(|reader| reader.join().unwrap())
    });
    println!("{ROUNDS} revocations, noticed {ended:?} times");
    assert!(revocations.is_current(&bystander, begun));
}
