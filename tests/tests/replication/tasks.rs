//! Tasks that replicas share through Redis: every replica finds them, and the one that runs a task ends it.

use serde_json::{Value, json};
use toolgate_tests::{TASK_SCOPES, eventually};

use crate::{Proxy, RedisServer, Replica, Users};

const SECRET: [u8; 32] = [7; 32];
/// Size of the sign of life of a replica in Redis: an encrypted empty record.
const LEASE_BYTES: usize = 1 + 24 + 16;

async fn start(redis: &RedisServer, users: &Users) -> Replica {
    let proxy = Proxy::to(redis).await;
    let replica = Replica::serve(proxy, users, |server, replication| {
        server.add_from(&TASK_SCOPES).replication(replication.shared_cache(SECRET))
    })
    .await;
    replica.wait_until_connected().await;
    replica
}

/// Starts two replicas.
async fn start_two(redis: &RedisServer, users: &Users) -> [Replica; 2] {
    [start(redis, users).await, start(redis, users).await]
}

/// Creates a task whose body waits.
async fn long_report(replica: &Replica, token: &str) -> String {
    let id = replica.client(token).create_task("long_report", json!({ "name": "quarterly" })).await;
    replica.server.bodies.wait_for_start(1).await;
    id
}

/// Returns the keys and values of all tasks and of the signs of life.
async fn records(redis: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let mut connection = redis.connect().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("toolgate:task-*").query_async(&mut connection).await.unwrap();
    let mut records = Vec::new();
    for key in keys {
        let value = redis::cmd("GET").arg(&key).query_async(&mut connection).await.unwrap();
        records.push((key, value));
    }
    records
}

/// Returns the number of messages that wait for a replica.
async fn waiting_messages(redis: &RedisServer) -> usize {
    let mut connection = redis.connect().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("toolgate:task-messages:*").query_async(&mut connection).await.unwrap();
    let mut messages = 0;
    for key in keys {
        let length: usize = redis::cmd("LLEN").arg(&key).query_async(&mut connection).await.unwrap();
        messages += length;
    }
    messages
}

#[tokio::test]
async fn a_task_is_polled_on_every_replica_by_its_caller_only() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let [first, second] = start_two(&redis, &users).await;
    let (sam, harriet) = (users.add("sam"), users.add("harriet"));
    let id = long_report(&first, &sam).await;
    eventually("the other replica shows the progress", async || {
        let response = second.client(&sam).get_task(&id).await;
        assert_eq!(response.result()["status"], "working");
        response.result()["statusMessage"] == "1 of 2"
    })
    .await;
    let unknown = second.client(&harriet).get_task(&"0".repeat(id.len())).await;
    assert_eq!(second.client(&harriet).get_task(&id).await.text, unknown.text);
    first.server.bodies.release(1);
    let task = second.client(&sam).task_with(&id, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], "the report quarterly");
    assert_eq!(first.client(&sam).get_task(&id).await.result(), &task);
}

#[tokio::test]
async fn redis_holds_only_ciphertext_of_tasks_and_their_results() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replica = start(&redis, &users).await;
    let sam = users.add("sam");
    let id = long_report(&replica, &sam).await;
    replica.server.bodies.release(1);
    replica.client(&sam).task_with(&id, "completed").await;
    let records = records(&redis).await;
    assert_eq!(records.len(), 2, "the task and the sign of life");
    for (key, value) in records {
        for text in [key.as_bytes(), &value] {
            for secret in [id.as_str(), "sam", "quarterly", "long_report", "completed", "replica"] {
                assert!(!text.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
            }
        }
    }
}

#[tokio::test]
async fn a_record_of_redis_that_was_modified_is_not_used() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let [first, second] = start_two(&redis, &users).await;
    let sam = users.add("sam");
    let ids = [long_report(&first, &sam).await, long_report(&first, &sam).await];
    first.server.bodies.release(2);
    for id in &ids {
        second.client(&sam).task_with(id, "completed").await;
    }
    // Both records have the other's value.
    let mut records = records(&redis).await;
    records.retain(|(_, value)| value.len() > LEASE_BYTES);
    let [(key, value), (other_key, other_value)] = &records[..] else { panic!("{} records", records.len()) };
    for (key, value) in [(key, other_value), (other_key, value)] {
        let _: () = redis::cmd("SET").arg(key).arg(value).query_async(&mut redis.connect().await).await.unwrap();
    }
    for id in &ids {
        assert_eq!(second.client(&sam).get_task(id).await.error_code(), Some(-32603));
    }
}

#[tokio::test]
async fn a_cancellation_and_responses_reach_the_replica_that_runs_the_task() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let [first, second] = start_two(&redis, &users).await;
    let (sam, harriet) = (users.add("sam"), users.add("harriet"));
    let id = long_report(&first, &sam).await;
    assert_eq!(second.client(&harriet).cancel_task(&id).await.error_code(), Some(-32602));
    assert!(second.client(&sam).cancel_task(&id).await.is_success());
    first.server.bodies.wait_for_end(1).await;
    second.client(&sam).task_with(&id, "cancelled").await;

    let id = first.client(&sam).create_task("asking_report", json!({})).await;
    let ask = second.client(&sam).task_with(&id, "input_required").await;
    assert_eq!(ask["inputRequests"]["confirm"]["params"]["message"], "First?");
    second.client(&sam).update_task(&id, json!({ "confirm": { "action": "accept" } })).await;
    eventually("the tool asks again", async || {
        second.client(&sam).get_task(&id).await.result()["inputRequests"]["confirm-2"].is_object()
    })
    .await;
    second.client(&sam).update_task(&id, json!({ "confirm-2": { "action": "cancel" } })).await;
    let task = second.client(&sam).task_with(&id, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], r#""accept" "cancel""#);
}

#[tokio::test]
async fn responses_to_one_task_never_displace_the_messages_of_another() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let [first, second] = start_two(&redis, &users).await;
    let (sam, harriet) = (users.add("sam"), users.add("harriet"));
    let (flooded, other) = (long_report(&first, &sam).await, long_report(&first, &harriet).await);
    // The replica that runs both tasks receives nothing until it is connected again.
    first.proxy.disconnect();
    assert!(second.client(&harriet).cancel_task(&other).await.is_success());
    for _ in 0..30 {
        second.client(&sam).update_task(&flooded, json!({ "confirm": { "action": "accept" } })).await;
    }
    assert_eq!(waiting_messages(&redis).await, 8 + 1);
    first.proxy.restore();
    first.server.bodies.wait_for_end(1).await;
    second.client(&harriet).task_with(&other, "cancelled").await;
    assert_eq!(second.client(&sam).get_task(&flooded).await.result()["status"], "working");
}

#[tokio::test]
async fn a_revocation_on_one_replica_ends_the_tasks_on_all() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let [first, second] = start_two(&redis, &users).await;
    let (sam, harriet) = (users.add("sam"), users.add("harriet"));
    let (id, other) = (long_report(&first, &sam).await, long_report(&first, &harriet).await);
    assert_eq!(second.disabled("sam").await, 204);
    first.server.bodies.wait_for_end(1).await;
    let task = second.client(&sam).task_with(&id, "cancelled").await;
    assert!(task["statusMessage"].as_str().unwrap().contains("access"), "{task}");
    assert_eq!(second.client(&harriet).get_task(&other).await.result()["status"], "working");
}

#[tokio::test]
async fn a_stopped_replica_leaves_failed_tasks_and_its_results() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let [first, second] = start_two(&redis, &users).await;
    let sam = users.add("sam");
    let finished = long_report(&first, &sam).await;
    first.server.bodies.release(1);
    second.client(&sam).task_with(&finished, "completed").await;
    let running = long_report(&first, &sam).await;
    // As after a crash: the replica shows no sign of life any more, and the last one expires.
    first.proxy.disconnect();
    for (key, value) in records(&redis).await {
        if value.len() == LEASE_BYTES {
            let _: () = redis::cmd("DEL").arg(key).query_async(&mut redis.connect().await).await.unwrap();
        }
    }
    let task = second.client(&sam).task_with(&running, "failed").await;
    assert_eq!(task["error"]["code"], -32603);
    assert!(task["error"]["message"].as_str().unwrap().contains("has stopped"), "{task}");
    second.client(&sam).update_task(&running, json!({ "confirm": { "action": "accept" } })).await;
    assert!(second.client(&sam).cancel_task(&running).await.is_success());
    assert_eq!(waiting_messages(&redis).await, 0, "nothing waits for a replica that has stopped");
    let task: Value = second.client(&sam).get_task(&finished).await.result().clone();
    assert_eq!(task["status"], "completed");
}

#[tokio::test]
async fn an_ordinary_shutdown_reports_the_tasks_that_it_ends() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let second = start(&redis, &users).await;
    let first = Replica::serve(Proxy::to(&redis).await, &users, |server, replication| {
        let server = server.http(|http| http.shutdown_timeout = std::time::Duration::ZERO);
        server.add_from(&TASK_SCOPES).replication(replication.shared_cache(SECRET))
    })
    .await;
    first.wait_until_connected().await;
    let sam = users.add("sam");
    let id = long_report(&first, &sam).await;
    first.server.shut_down().await;
    let task = second.client(&sam).get_task(&id).await;
    assert_eq!(task.result()["status"], "failed");
    assert!(task.text.contains("was shut down"), "{task:?}");
}

#[tokio::test]
async fn without_redis_no_body_runs_and_no_task_is_unknown() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let [first, second] = start_two(&redis, &users).await;
    let sam = users.add("sam");
    let id = long_report(&first, &sam).await;
    first.server.bodies.release(1);
    let client = second.client(&sam);
    client.task_with(&id, "completed").await;
    second.proxy.disconnect();
    let rejected = client.call_with_tasks("long_report", json!({ "name": "b" })).await;
    assert!(rejected.is_tool_error() && rejected.text_content().starts_with("internal error"), "{rejected:?}");
    assert_eq!(second.server.bodies.runs(), 0);
    assert_eq!(client.get_task(&id).await.error_code(), Some(-32603));
    second.proxy.restore();
    client.task_with(&id, "completed").await;
}
