//! Requests on several threads that wait for one load while their user is revoked.

use super::*;

const ROUNDS: usize = 20;
const REQUESTS: usize = 1000;

/// Loads of one round: each is held until it is released.
#[derive(Default)]
struct HeldLoads {
    count: AtomicUsize,
    started: Notify,
    released: Notify,
}

impl HeldLoads {
    async fn load(&self) -> Result<Arc<Caller>, ValidationError> {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        self.started.notify_one();
        self.released.notified().await;
        Ok(caller(&user("u").client_id(number.to_string())))
    }
}

/// Makes concurrent requests with one token. Revokes its user during each of the first `revoked` loads. Returns the
/// number of loads, and the load whose response each request received.
async fn run_round(revoked: usize) -> (usize, Vec<Result<usize, ValidationError>>) {
    let cache = Arc::new(CountingCache::new(config()));
    let loads = Arc::new(HeldLoads::default());
    let arrived = Arc::new(AtomicUsize::new(0));
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..REQUESTS {
        let (cache, loads, arrived) = (Arc::clone(&cache), Arc::clone(&loads), Arc::clone(&arrived));
        requests.spawn(async move {
            arrived.fetch_add(1, Ordering::SeqCst);
            let token = BearerToken::parse("a").unwrap();
            let caller = cache.cache.get(&token, || loads.load()).await?;
            Ok(caller.client_id().unwrap().parse().unwrap())
        });
    }
    while arrived.load(Ordering::SeqCst) < REQUESTS {
        tokio::task::yield_now().await;
    }
    let respond = async {
        for load in 0.. {
            loads.started.notified().await;
            if load < revoked {
                cache.revocation_clock.revoke(&Revocation::User("u".to_owned()));
            }
            loads.released.notify_one();
        }
    };
    tokio::select! {
        results = requests.join_all() => (loads.count.load(Ordering::SeqCst), results),
        () = respond => unreachable!(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_wait_for_a_revoked_load_share_the_next_one() {
    for _ in 0..ROUNDS {
        let (loads, results) = run_round(1).await;
        let unavailable = results.iter().filter(|result| result.is_err()).count();
        assert_eq!((loads, unavailable), (2, 0), "of {REQUESTS} requests");
        assert!(results.into_iter().all(|load| load.unwrap() == 2), "every request uses the second response");
    }
}

#[tokio::test]
async fn a_request_fails_only_if_a_revocation_overtakes_three_loads_that_began_after_it() {
    let (loads, results) = run_round(MAX_LOADS).await;
    let unavailable = results.iter().filter(|result| result.is_err()).count();
    assert_eq!((loads, unavailable), (MAX_LOADS + 1, 1), "only the request that started the first load fails");
    let reason = results.iter().find_map(|result| result.as_ref().err()).unwrap().to_string();
    assert_eq!(reason, "access was revoked during every attempt to validate the token");
}
