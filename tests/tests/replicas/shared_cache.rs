//! What the replicas share of what they were told about tokens.

use crate::{People, RedisServer, Replica, wait_until};

const SECRET: [u8; 32] = [7; 32];

async fn sharing(count: usize, redis: &RedisServer, people: &People) -> Vec<Replica> {
    let mut all = Vec::new();
    for _ in 0..count {
        let replica = Replica::start(redis, people, |replicas| replicas.shared_cache(SECRET)).await;
        replica.listens().await;
        all.push(replica);
    }
    all
}

/// Every key of an answer, and its value.
async fn answers(redis: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let mut connection = redis.connect().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("toolgate:token:*").query_async(&mut connection).await.unwrap();
    let mut answers = Vec::new();
    for key in keys {
        let value = redis::cmd("GET").arg(&key).query_async(&mut connection).await.unwrap();
        answers.push((key, value));
    }
    answers
}

async fn set(redis: &RedisServer, key: &str, value: &[u8]) {
    let mut command = redis::cmd("SET");
    command.arg(key).arg(value).arg("PX").arg(60_000);
    let _: () = command.query_async(&mut redis.connect().await).await.unwrap();
}

fn asked(replicas: &[Replica]) -> usize {
    replicas.iter().map(Replica::asked).sum()
}

/// Lets the first replica ask, and waits until its answer is shared.
async fn share(redis: &RedisServer, replica: &Replica, token: &str) {
    let known = answers(redis).await.len();
    assert!(replica.accepts(token).await);
    wait_until("the answer is shared", async || answers(redis).await.len() > known).await;
}

#[tokio::test]
async fn a_token_is_asked_about_once_for_all_replicas_and_redis_can_read_nothing() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = sharing(3, &redis, &people).await;
    let token = people.add("harriet");
    share(&redis, &replicas[0], &token).await;
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
    }
    assert_eq!(asked(&replicas), 1);

    let answers = answers(&redis).await;
    assert_eq!(answers.len(), 1);
    for (key, value) in answers {
        for text in [key.as_bytes(), &value] {
            for secret in ["token-harriet", "harriet", "example.com", "people:", "subject"] {
                assert!(!text.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
            }
        }
        let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut redis.connect().await).await.unwrap();
        assert!((1..=300_000).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn what_was_made_up_or_moved_is_not_believed() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = sharing(2, &redis, &people).await;
    let (harriet, sanna) = (people.add("harriet"), people.add("sanna"));
    share(&redis, &replicas[0], &harriet).await;
    let harriets = answers(&redis).await.remove(0);
    share(&redis, &replicas[0], &sanna).await;
    let sannas = answers(&redis).await.into_iter().find(|(key, _)| *key != harriets.0).unwrap();

    set(&redis, &sannas.0, &harriets.1).await;
    set(&redis, &harriets.0, br#"{"claims":{"subject":"harriet"}}"#).await;
    for (asked, token) in [harriet, sanna].iter().enumerate() {
        assert_eq!(replicas[1].asked(), asked);
        assert!(replicas[1].accepts(token).await);
    }
    assert_eq!(replicas[1].asked(), 2);
}

#[tokio::test]
async fn an_answer_from_before_a_revocation_is_not_believed_after_it_by_anybody() {
    let (redis, people) = (RedisServer::start().await, People::default());
    let replicas = sharing(3, &redis, &people).await;
    let (victim, witness) = (people.add("victim"), people.add("witness"));
    share(&redis, &replicas[0], &victim).await;
    share(&redis, &replicas[0], &witness).await;
    let before = answers(&redis).await;
    people.disable("victim");
    assert_eq!(replicas[1].disabled("victim").await, 204);
    // The old answers are there, and stay there.
    for (key, value) in &before {
        set(&redis, key, value).await;
    }
    assert!(!replicas[1].accepts(&victim).await, "where the webhook came, at once");
    for replica in &replicas {
        wait_until("it refuses", async || !replica.accepts(&victim).await).await;
    }
    let count = asked(&replicas);
    wait_until("the revocation has come back", async || replicas[2].accepts(&witness).await).await;
    assert_eq!(asked(&replicas), count, "others' answers are as good as before");

    // One that was not there when it was revoked knows nothing about what was before.
    let late = sharing(1, &redis, &people).await.remove(0);
    for (key, value) in &before {
        set(&redis, key, value).await;
    }
    assert!(!late.accepts(&victim).await);
}

#[tokio::test]
async fn without_redis_every_replica_asks_by_itself() {
    let (mut redis, people) = (RedisServer::start().await, People::default());
    let replicas = sharing(2, &redis, &people).await;
    redis.kill();
    let token = people.add("harriet");
    for replica in &replicas {
        assert!(replica.accepts(&token).await);
        assert_eq!(replica.asked(), 1);
    }
}
