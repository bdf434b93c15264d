//! A revocation at one replica takes effect at all of them.

use std::time::Instant;

use toolgate_tests::{DEADLINE, eventually};

use crate::{RedisServer, Replica, Users, percentiles::Percentiles};

const REVOCATIONS: usize = 200;

/// Sends revocations to the replicas in turn, and measures the time until all reject the token.
async fn assert_revocations_reach_all(count: usize) {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = Replica::several(count, &redis, &users).await;
    let mut acknowledged = Vec::new();
    let mut lags = Vec::new();
    for i in 0..REVOCATIONS {
        let user = format!("user-{i}");
        let token = users.add(&user);
        for replica in &replicas {
            assert!(replica.accepts(&token).await);
        }
        users.disable(&user);
        let before: Vec<_> = replicas.iter().map(Replica::introspections).collect();
        for replica in &replicas {
            assert!(replica.accepts(&token).await, "the token is cached");
        }
        assert_eq!(before, replicas.iter().map(Replica::introspections).collect::<Vec<_>>());
        let sent = Instant::now();
        assert_eq!(replicas[i % count].disabled(&user).await, 204);
        let received = Instant::now();
        assert!(!replicas[i % count].accepts(&token).await, "the receiving replica rejects the token immediately");
        for replica in &replicas {
            while replica.accepts(&token).await {
                assert!(received.elapsed() < DEADLINE);
            }
        }
        acknowledged.push(received - sent);
        lags.push(received.elapsed());
    }
    println!(
        "{count} replicas, {REVOCATIONS} revocations: {} until the webhook is acknowledged, then {} until all reject the token",
        Percentiles::of(acknowledged),
        Percentiles::of(lags)
    );
}

#[tokio::test]
async fn a_revocation_at_one_of_two_replicas_reaches_both() {
    assert_revocations_reach_all(2).await;
}

#[tokio::test]
async fn a_revocation_at_one_of_three_replicas_reaches_all() {
    assert_revocations_reach_all(3).await;
}

#[tokio::test]
async fn an_unreadable_entry_invalidates_all_cached_tokens() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = Replica::several(2, &redis, &users).await;
    let token = users.add("harriet");
    for fields in [["v", "2", "e", "{}"], ["v", "1", "e", "garbage"], ["something", "else", "and", "more"]] {
        for replica in &replicas {
            assert!(replica.accepts(&token).await);
        }
        let before: Vec<_> = replicas.iter().map(Replica::introspections).collect();
        let mut command = redis::cmd("XADD");
        command.arg("toolgate:revocations").arg("*").arg(&fields);
        let _: String = command.query_async(&mut redis.connect().await).await.unwrap();
        for (replica, before) in replicas.iter().zip(before) {
            eventually("the replica introspects again", async || {
                replica.accepts(&token).await && replica.introspections() > before
            })
            .await;
        }
    }
}
