//! The token cache that replicas share in Redis.

use toolgate_tests::eventually;

use crate::{RedisServer, Replica, Users};

const SECRET: [u8; 32] = [7; 32];

async fn start_with_shared_cache(count: usize, redis: &RedisServer, users: &Users) -> Vec<Replica> {
    Replica::several_with(count, redis, users, |replication| replication.shared_cache(SECRET)).await
}

/// Returns the keys and values of all cache entries.
async fn entries(redis: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let mut connection = redis.connect().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("toolgate:token:*").query_async(&mut connection).await.unwrap();
    let mut entries = Vec::new();
    for key in keys {
        let value = redis::cmd("GET").arg(&key).query_async(&mut connection).await.unwrap();
        entries.push((key, value));
    }
    entries
}

async fn set(redis: &RedisServer, key: &str, value: &[u8]) {
    let mut command = redis::cmd("SET");
    command.arg(key).arg(value).arg("PX").arg(60_000);
    let _: () = command.query_async(&mut redis.connect().await).await.unwrap();
}

fn introspections(replicas: &[Replica]) -> usize {
    replicas.iter().map(Replica::introspections).sum()
}

/// Sends a request to a replica and waits until its cache entry is in Redis.
async fn share(redis: &RedisServer, replica: &Replica, token: &str) {
    let before = entries(redis).await.len();
    assert!(replica.accepts(token).await);
    eventually("the entry is shared", async || entries(redis).await.len() > before).await;
}

#[tokio::test]
async fn a_token_is_introspected_once_for_all_replicas_and_redis_holds_only_ciphertext() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = start_with_shared_cache(3, &redis, &users).await;
    let token = users.add("harriet");
    share(&redis, &replicas[0], &token).await;
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
    }
    assert_eq!(introspections(&replicas), 1);

    let entries = entries(&redis).await;
    assert_eq!(entries.len(), 1);
    for (key, value) in entries {
        for text in [key.as_bytes(), &value] {
            for secret in ["token-harriet", "harriet", "example.com", "people:", "subject"] {
                assert!(!text.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
            }
        }
        let ttl_ms: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis.connect().await).await.unwrap();
        assert!((1..=300_000).contains(&ttl_ms), "{ttl_ms}");
    }
}

#[tokio::test]
async fn a_forged_or_moved_entry_is_ignored() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = start_with_shared_cache(2, &redis, &users).await;
    let (harriet, sanna) = (users.add("harriet"), users.add("sanna"));
    share(&redis, &replicas[0], &harriet).await;
    let harriets = entries(&redis).await.remove(0);
    share(&redis, &replicas[0], &sanna).await;
    let sannas = entries(&redis).await.into_iter().find(|(key, _)| *key != harriets.0).unwrap();

    set(&redis, &sannas.0, &harriets.1).await;
    set(&redis, &harriets.0, br#"{"claims":{"subject":"harriet"}}"#).await;
    for (before, token) in [harriet, sanna].iter().enumerate() {
        assert_eq!(replicas[1].introspections(), before);
        assert!(replicas[1].accepts(token).await);
    }
    assert_eq!(replicas[1].introspections(), 2);
}

#[tokio::test]
async fn an_entry_from_before_a_revocation_is_ignored_by_every_replica() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = start_with_shared_cache(3, &redis, &users).await;
    let (victim, witness) = (users.add("victim"), users.add("witness"));
    share(&redis, &replicas[0], &victim).await;
    share(&redis, &replicas[0], &witness).await;
    let before = entries(&redis).await;
    users.disable("victim");
    assert_eq!(replicas[1].disabled("victim").await, 204);
    // The entries from before the revocation stay in Redis.
    for (key, value) in &before {
        set(&redis, key, value).await;
    }
    assert!(!replicas[1].accepts(&victim).await, "the receiving replica rejects the token immediately");
    for replica in &replicas {
        eventually("the replica rejects the token", async || !replica.accepts(&victim).await).await;
    }
    let before_witness = introspections(&replicas);
    eventually("the witness is accepted", async || replicas[2].accepts(&witness).await).await;
    assert_eq!(introspections(&replicas), before_witness, "the entries of other users stay valid");

    // A replica that starts after the revocation uses no entry from before it.
    let late = start_with_shared_cache(1, &redis, &users).await.remove(0);
    for (key, value) in &before {
        set(&redis, key, value).await;
    }
    assert!(!late.accepts(&victim).await);
}

#[tokio::test]
async fn without_redis_every_replica_introspects_by_itself() {
    let (mut redis, users) = (RedisServer::start().await, Users::default());
    let replicas = start_with_shared_cache(2, &redis, &users).await;
    redis.kill();
    let token = users.add("harriet");
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
        assert_eq!(replica.introspections(), 1);
    }
}
