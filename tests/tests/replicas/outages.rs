//! Redis goes away, comes back, and forgets. None of it grants anything.

use std::time::{Duration, Instant};

use crate::{People, RedisServer, Replica, wait_until};
use serde_json::json;

/// How long an answer is used at most while the others are not heard, and how long it takes to notice that.
const ALONE: Duration = Duration::from_secs(10 + 3);

#[tokio::test]
async fn a_webhook_is_acknowledged_only_when_the_others_can_hear_of_it() {
    let (mut redis, people) = (RedisServer::start().await, People::default());
    let replicas = Replica::several(2, &redis, &people).await;
    let token = people.add("harriet");
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
    }
    redis.kill();
    people.disable("harriet");
    let event = json!({ "event_type": "user.disabled", "user_id": "harriet" });
    assert_eq!(replicas[0].deliver("msg", &event).await, 503);
    assert!(!replicas[0].accepts(&token).await, "access ends where the webhook came, acknowledged or not");
    assert_eq!(replicas[0].deliver("msg", &event).await, 503, "the ID was not used up");
    redis.restart().await;
    wait_until("the delivery is taken", async || replicas[0].deliver("msg", &event).await == 204).await;
    wait_until("the other refuses too", async || !replicas[1].accepts(&token).await).await;
}

#[tokio::test]
async fn what_could_not_be_told_is_told_later_without_another_delivery() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = Replica::several(2, &redis, &people).await;
    for (user, stop) in [("harriet", crate::Proxy::silence as fn(&_)), ("sanna", crate::Proxy::cut)] {
        let token = people.add(user);
        assert!(replicas[1].accepts(&token).await);
        let asked = replicas[1].asked();
        stop(&replicas[0].proxy);
        assert_eq!(replicas[0].disabled(user).await, 503);
        replicas[0].proxy.heal();
        wait_until("the other asks again", async || {
            assert!(replicas[1].accepts(&token).await);
            replicas[1].asked() > asked
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_starts_without_redis_finds_it_later() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replica = Replica::start(&redis, &people, |replicas| replicas).await;
    replica.proxy.cut();
    let token = people.add("harriet");
    assert!(replica.accepts(&token).await);
    assert_eq!(replica.disabled("harriet").await, 503);
    replica.proxy.heal();
    replica.listens().await;
    assert!(replica.accepts(&token).await);
}

/// The old answer of the victim is never used again: not while Redis is away, because it is too old, and not when it is
/// back, because what was revoked meanwhile is heard before anything old is trusted.
#[tokio::test]
async fn a_replica_that_hears_nothing_soon_trusts_nothing_old_and_catches_up_before_it_does_again() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = Replica::several(2, &redis, &people).await;
    let (victim, witness) = (people.add("victim"), people.add("witness"));
    let begun = Instant::now();
    for token in [&victim, &witness] {
        assert!(replicas[1].accepts(token).await);
    }
    let asked = replicas[1].asked();
    replicas[1].proxy.silence();
    people.disable("victim");
    assert_eq!(replicas[0].disabled("victim").await, 204, "the others go on");
    wait_until("a replica that hears nothing asks again", async || {
        assert!(replicas[1].accepts(&witness).await);
        replicas[1].asked() > asked
    })
    .await;
    println!("a replica that hears nothing asked again after {:.1?}", begun.elapsed());
    assert!(begun.elapsed() < ALONE + Duration::from_secs(3));
    replicas[1].proxy.heal();
    wait_until("it listens again", async || {
        assert!(!replicas[1].accepts(&victim).await, "never again");
        replicas[1].disabled("nobody").await == 204
    })
    .await;
    assert!(!replicas[1].accepts(&victim).await);
}

#[tokio::test]
async fn a_replica_that_was_away_catches_up() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = Replica::several(2, &redis, &people).await;
    let (victim, witness) = (people.add("victim"), people.add("witness"));
    let begun = Instant::now();
    for token in [&victim, &witness] {
        assert!(replicas[1].accepts(token).await);
    }
    replicas[1].proxy.cut();
    people.disable("victim");
    assert_eq!(replicas[0].disabled("victim").await, 204);
    replicas[1].proxy.heal();
    wait_until("it catches up", async || !replicas[1].accepts(&victim).await).await;
    // On a machine that is too slow for it, the answer was too old in any case.
    if begun.elapsed() < Duration::from_secs(10) {
        let asked = replicas[1].asked();
        assert!(replicas[1].accepts(&witness).await);
        assert_eq!(replicas[1].asked(), asked, "nothing is lost that nobody revoked");
    }
}

/// What only Redis knew is gone with it, so nothing old counts.
#[tokio::test]
async fn a_redis_that_forgets_revokes_everybodys_access() {
    let (mut redis, people) = (RedisServer::start().await, People::default());
    let replicas = Replica::several(2, &redis, &people).await;
    for empty in [false, true] {
        let token = people.add("harriet");
        for replica in &replicas {
            wait_until("the token is accepted", async || replica.accepts(&token).await).await;
        }
        replicas[1].proxy.cut();
        people.disable("harriet");
        assert_eq!(replicas[0].disabled("harriet").await, 204, "only Redis and one replica know");
        redis.kill();
        if empty {
            redis.restart_empty().await;
        } else {
            redis.restart().await;
        }
        for replica in &replicas {
            replica.proxy.lead_to(&redis);
        }
        replicas[1].proxy.heal();
        wait_until("the other refuses", async || !replicas[1].accepts(&token).await).await;
        for replica in &replicas {
            replica.listens().await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_deleted_revokes_everybodys_access() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = Replica::several(2, &redis, &people).await;
    let token = people.add("harriet");
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
    }
    let asked: Vec<_> = replicas.iter().map(Replica::asked).collect();
    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis.connect().await).await.unwrap();
    for (replica, asked) in replicas.iter().zip(asked) {
        wait_until("it asks again", async || replica.accepts(&token).await && replica.asked() > asked).await;
    }
    people.disable("harriet");
    assert_eq!(replicas[0].disabled("harriet").await, 204);
    wait_until("revocations are heard as before", async || !replicas[1].accepts(&token).await).await;
}
