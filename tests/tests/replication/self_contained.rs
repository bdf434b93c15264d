//! Revocations of self-contained tokens, such as JWTs: a validation never rejects them, so every replica has to remember
//! that they were revoked.

use toolgate_tests::eventually;

use crate::{RedisServer, Replica, Users};

#[tokio::test]
async fn a_revocation_ends_the_self_contained_tokens_of_its_user_at_every_replica() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let (victim, witness) = (users.add_self_contained("victim"), users.add_self_contained("witness"));
    let replicas = Replica::several(2, &redis, &users).await;
    for replica in &replicas {
        assert!(replica.accepts(&victim).await && replica.accepts(&witness).await);
    }
    replicas[0].revoke("victim").await;
    assert!(!replicas[0].accepts(&victim).await);
    eventually("the other replica rejects the token", async || !replicas[1].accepts(&victim).await).await;
    users.add_self_contained("victim");
    for replica in &replicas {
        assert!(replica.accepts(&witness).await);
        // The new token has the text of the old one, which is cached as inactive for a short time.
        eventually("a token that was issued later is accepted", async || replica.accepts(&victim).await).await;
    }
}

#[tokio::test]
async fn a_replica_that_starts_later_rejects_the_self_contained_tokens_that_were_revoked_before() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let (victim, witness) = (users.add_self_contained("victim"), users.add_self_contained("witness"));
    let first = Replica::several(1, &redis, &users).await.remove(0);
    first.revoke("victim").await;
    // From the first request on: it waits until the replica has read the revocations.
    let second = Replica::start(&redis, &users, |replication| replication).await;
    assert!(!second.accepts(&victim).await);
    assert!(second.accepts(&witness).await);
}

#[tokio::test]
async fn a_replica_accepts_no_self_contained_token_before_it_has_read_the_revocations() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let witness = users.add_self_contained("witness");
    let replica = Replica::start(&redis, &users, |replication| replication).await;
    replica.proxy.disconnect();
    let restarted = Replica::start_with_proxy(replica.proxy, &users, |replication| replication).await;
    assert_eq!(restarted.client(&witness).list().await.status, 503);
    restarted.proxy.restore();
    eventually("the token is accepted", async || restarted.client(&witness).list().await.status == 200).await;
}

#[tokio::test]
async fn a_restart_of_redis_with_its_data_ends_no_self_contained_token_and_restores_none() {
    let (mut redis, users) = (RedisServer::start().await, Users::default());
    let (victim, witness) = (users.add_self_contained("victim"), users.add_self_contained("witness"));
    let replicas = Replica::several(2, &redis, &users).await;
    replicas[1].proxy.disconnect();
    replicas[0].revoke("victim").await;
    redis.kill();
    redis.restart().await;
    for replica in &replicas {
        replica.proxy.set_target(&redis);
    }
    replicas[1].proxy.restore();
    for replica in &replicas {
        eventually("the revocation is applied", async || !replica.accepts(&victim).await).await;
        assert!(replica.accepts(&witness).await);
    }
}

#[tokio::test]
async fn self_contained_tokens_end_if_redis_has_lost_revocations() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let witness = users.add_self_contained("witness");
    let replicas = Replica::several(2, &redis, &users).await;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis.connect().await).await.unwrap();
    for replica in &replicas {
        eventually("the token is rejected", async || !replica.accepts(&witness).await).await;
    }
}
