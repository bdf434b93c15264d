//! Outages and data loss of Redis. None of them grants access.

use std::time::{Duration, Instant};

use serde_json::json;
use toolgate_tests::eventually;

use crate::{Proxy, RedisServer, Replica, Users};

/// Maximum age of a cache entry of a disconnected replica, and the time until it notices the disconnection.
const MAX_CACHE_AGE: Duration = Duration::from_secs(10 + 3);

#[tokio::test]
async fn a_webhook_is_acknowledged_only_if_its_revocation_is_replicated() {
    let (mut redis, users) = (RedisServer::start().await, Users::default());
    let replicas = Replica::several(2, &redis, &users).await;
    let token = users.add("harriet");
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
    }
    redis.kill();
    users.disable("harriet");
    let event = json!({ "event_type": "user.disabled", "user_id": "harriet" });
    assert_eq!(replicas[0].deliver("msg", &event).await, 503);
    assert!(!replicas[0].accepts(&token).await, "access ends at the receiving replica in any case");
    assert_eq!(replicas[0].deliver("msg", &event).await, 503, "the rejected delivery did not use up its ID");
    redis.restart().await;
    eventually("the delivery is acknowledged", async || replicas[0].deliver("msg", &event).await == 204).await;
    eventually("the other replica rejects the token", async || !replicas[1].accepts(&token).await).await;
}

#[tokio::test]
async fn a_revocation_that_could_not_be_replicated_is_replicated_later() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = Replica::several(2, &redis, &users).await;
    for (user, stop) in [("harriet", Proxy::stall as fn(&_)), ("sanna", Proxy::disconnect)] {
        let token = users.add(user);
        assert!(replicas[1].accepts(&token).await);
        let before = replicas[1].introspections();
        stop(&replicas[0].proxy);
        assert_eq!(replicas[0].disabled(user).await, 503);
        replicas[0].proxy.restore();
        eventually("the other replica introspects again", async || {
            assert!(replicas[1].accepts(&token).await);
            replicas[1].introspections() > before
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_starts_without_redis_connects_later() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replica = Replica::start(&redis, &users, |replication| replication).await;
    replica.proxy.disconnect();
    let token = users.add("harriet");
    assert!(replica.accepts(&token).await);
    assert_eq!(replica.disabled("harriet").await, 503);
    replica.proxy.restore();
    replica.wait_until_connected().await;
    assert!(replica.accepts(&token).await);
}

/// The cache entry of the victim is not used again: during the outage because it is too old, and after it because the
/// replica reads the missed revocations before it uses older entries.
#[tokio::test]
async fn a_disconnected_replica_stops_using_its_cache_until_it_has_caught_up() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = Replica::several(2, &redis, &users).await;
    let (victim, witness) = (users.add("victim"), users.add("witness"));
    let started = Instant::now();
    for token in [&victim, &witness] {
        assert!(replicas[1].accepts(token).await);
    }
    let before = replicas[1].introspections();
    replicas[1].proxy.stall();
    users.disable("victim");
    assert_eq!(replicas[0].disabled("victim").await, 204, "the other replica stays connected");
    eventually("the disconnected replica introspects again", async || {
        assert!(replicas[1].accepts(&witness).await);
        replicas[1].introspections() > before
    })
    .await;
    println!("a disconnected replica introspected again after {:.1?}", started.elapsed());
    assert!(started.elapsed() < MAX_CACHE_AGE + Duration::from_secs(3));
    replicas[1].proxy.restore();
    eventually("the replica is connected again", async || {
        assert!(!replicas[1].accepts(&victim).await, "the revoked token is not accepted again");
        replicas[1].disabled("unknown").await == 204
    })
    .await;
    assert!(!replicas[1].accepts(&victim).await);
}

#[tokio::test]
async fn a_reconnected_replica_catches_up() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = Replica::several(2, &redis, &users).await;
    let (victim, witness) = (users.add("victim"), users.add("witness"));
    let started = Instant::now();
    for token in [&victim, &witness] {
        assert!(replicas[1].accepts(token).await);
    }
    replicas[1].proxy.disconnect();
    users.disable("victim");
    assert_eq!(replicas[0].disabled("victim").await, 204);
    replicas[1].proxy.restore();
    eventually("the replica catches up", async || !replicas[1].accepts(&victim).await).await;
    // On a slower machine, the cache entry is too old in any case.
    if started.elapsed() < Duration::from_secs(10) {
        let before = replicas[1].introspections();
        assert!(replicas[1].accepts(&witness).await);
        assert_eq!(replicas[1].introspections(), before, "tokens that were not revoked stay cached");
    }
}

/// Revocations that only Redis had are lost with it, so no older cache entry is used.
#[tokio::test]
async fn data_loss_in_redis_invalidates_all_cached_tokens() {
    let (mut redis, users) = (RedisServer::start().await, Users::default());
    let replicas = Replica::several(2, &redis, &users).await;
    for empty in [false, true] {
        let token = users.add("harriet");
        for replica in &replicas {
            eventually("the token is accepted", async || replica.accepts(&token).await).await;
        }
        replicas[1].proxy.disconnect();
        users.disable("harriet");
        assert_eq!(replicas[0].disabled("harriet").await, 204, "Redis and one replica have the revocation");
        redis.kill();
        if empty {
            redis.restart_empty().await;
        } else {
            redis.restart().await;
        }
        for replica in &replicas {
            replica.proxy.set_target(&redis);
        }
        replicas[1].proxy.restore();
        eventually("the other replica rejects the token", async || !replicas[1].accepts(&token).await).await;
        for replica in &replicas {
            replica.wait_until_connected().await;
        }
    }
}

#[tokio::test]
async fn deleting_the_stream_invalidates_all_cached_tokens() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = Replica::several(2, &redis, &users).await;
    let token = users.add("harriet");
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
    }
    let before: Vec<_> = replicas.iter().map(Replica::introspections).collect();
    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis.connect().await).await.unwrap();
    for (replica, before) in replicas.iter().zip(before) {
        eventually("the replica introspects again", async || {
            replica.accepts(&token).await && replica.introspections() > before
        })
        .await;
    }
    users.disable("harriet");
    assert_eq!(replicas[0].disabled("harriet").await, 204);
    eventually("revocations are replicated again", async || !replicas[1].accepts(&token).await).await;
}
