//! Access that ends at one replica ends at all of them.

use std::time::{Duration, Instant};

use crate::{People, RedisServer, Replica, wait_until};

const REVOCATIONS: usize = 200;

/// Revokes at one replica after the other, and measures how long it takes until all refuse.
async fn revoke_everywhere(count: usize) {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = Replica::several(count, &redis, &people).await;
    let mut acknowledged = Vec::new();
    let mut lags = Vec::new();
    for i in 0..REVOCATIONS {
        let user = format!("user-{i}");
        let token = people.add(&user);
        for replica in &replicas {
            assert!(replica.accepts(&token).await);
        }
        people.disable(&user);
        let asked: Vec<_> = replicas.iter().map(Replica::asked).collect();
        for replica in &replicas {
            assert!(replica.accepts(&token).await, "it is cached");
        }
        assert_eq!(asked, replicas.iter().map(Replica::asked).collect::<Vec<_>>());
        let sent = Instant::now();
        assert_eq!(replicas[i % count].disabled(&user).await, 204);
        let answered = Instant::now();
        assert!(!replicas[i % count].accepts(&token).await, "where the webhook came, at once");
        for replica in &replicas {
            while replica.accepts(&token).await {
                assert!(answered.elapsed() < Duration::from_secs(20));
            }
        }
        acknowledged.push(answered - sent);
        lags.push(answered.elapsed());
    }
    println!(
        "{count} replicas, {REVOCATIONS} revocations: {} until the webhook is acknowledged, then {} until all refuse",
        Percentiles::of(acknowledged),
        Percentiles::of(lags)
    );
}

struct Percentiles(Vec<Duration>);

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |percent: usize| self.0[(self.0.len() * percent).div_ceil(100) - 1];
        write!(f, "p50 {:.1?}, p99 {:.1?}, max {:.1?}", at(50), at(99), at(100))
    }
}

#[tokio::test]
async fn two_replicas_refuse_whom_one_was_told_about() {
    revoke_everywhere(2).await;
}

#[tokio::test]
async fn three_replicas_refuse_whom_one_was_told_about() {
    revoke_everywhere(3).await;
}

#[tokio::test]
async fn what_a_replica_cannot_read_is_everybody() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = Replica::several(2, &redis, &people).await;
    let token = people.add("harriet");
    for fields in [["v", "2", "e", "{}"], ["v", "1", "e", "garbage"], ["something", "else", "and", "more"]] {
        for replica in &replicas {
            assert!(replica.accepts(&token).await);
        }
        let asked: Vec<_> = replicas.iter().map(Replica::asked).collect();
        let mut command = redis::cmd("XADD");
        command.arg("toolgate:revocations").arg("*").arg(&fields);
        let _: String = command.query_async(&mut redis.connect().await).await.unwrap();
        for (replica, asked) in replicas.iter().zip(asked) {
            wait_until("it asks again", async || replica.accepts(&token).await && replica.asked() > asked).await;
        }
    }
}
