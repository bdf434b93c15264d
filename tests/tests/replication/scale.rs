//! How long a revocation takes to reach many replicas. `SCALE_REPLICAS=200` sets their number.

use std::time::{Duration, Instant};

use serde_json::json;
use toolgate_tests::EventStream;

use crate::{RedisServer, Replica, Users, percentiles::Percentiles};

const REVOCATIONS: usize = 20;
/// Far above what is measured, so that only a replica that does not receive the revocation itself exceeds it.
const MAX_LAG: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_ends_the_streams_of_the_user_at_every_one_of_many_replicas() {
    let count =
        std::env::var("SCALE_REPLICAS").map_or(20, |count| count.parse().expect("SCALE_REPLICAS is a number"));
    let (redis, users) = (RedisServer::start().await, Users::default());
    let started = Instant::now();
    let replicas = Replica::several(count, &redis, &users).await;
    let start = started.elapsed();
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for i in 0..REVOCATIONS {
        let user = format!("user-{i}");
        let token = users.add(&user);
        let mut streams = Vec::new();
        for replica in &replicas {
            let mut stream = EventStream::listen(&replica.client(&token), json!({ "toolsListChanged": true })).await;
            stream.acknowledged().await;
            streams.push(tokio::spawn(async move {
                assert!(stream.next().await.is_none(), "the stream ends without a message");
                Instant::now()
            }));
        }
        users.disable(&user);
        let sent = Instant::now();
        assert_eq!(replicas[i % count].disabled(&user).await, 204);
        let mut lags = Vec::new();
        for stream in streams {
            lags.push(stream.await.unwrap() - sent);
        }
        first.push(*lags.iter().min().unwrap());
        last.push(*lags.iter().max().unwrap());
    }
    println!(
        "{count} replicas, connected within {start:.1?}: the first stream ends after {}, the last one after {}",
        Percentiles::of(first),
        Percentiles::of(last.clone())
    );
    assert!(last.iter().all(|lag| *lag < MAX_LAG), "{last:?}");
}
