//! Rates that the replicas share through Redis, and what a replica does without it.

use serde_json::json;
use toolgate::Rate;
use toolgate_tests::{HttpResponse, eventually};

use crate::{Proxy, RedisServer, Replica, Users};

/// Starts a replica whose callers may send `requests` a day, and may call `people_public` twice a day.
async fn replica(redis: &RedisServer, users: &Users, requests: Option<u32>) -> Replica {
    let replica = Replica::serve(Proxy::to(redis).await, users, |server, replication| {
        server.replication(replication).rates(|rates| {
            rates.caller = requests.map(Rate::per_day);
            rates.operations.insert("people_public".to_owned(), Some(Rate::per_day(2)));
            rates.operation_totals.insert("people_public".to_owned(), Some(Rate::per_day(3)));
        })
    })
    .await;
    replica.wait_until_connected().await;
    replica
}

async fn call(replica: &Replica, token: &str) -> HttpResponse {
    replica.client(token).call("people_public", json!({})).await
}

fn limit(response: &HttpResponse) -> &str {
    assert_eq!(response.status, 429, "{response:?}");
    response.json()["error"]["data"]["limit"].as_str().unwrap()
}

#[tokio::test]
async fn the_replicas_share_each_quota() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replicas = [replica(&redis, &users, Some(4)).await, replica(&redis, &users, Some(4)).await];
    let [ann, bob] = [users.add("ann"), users.add("bob")];
    let shown = r#""caller";r=3;t=21600, "operation";r=1;t=43200"#;
    assert_eq!(call(&replicas[0], &ann).await.header("ratelimit"), shown);
    let shown = r#""caller";r=2;t=43200, "operation";r=0;t=86400"#;
    assert_eq!(call(&replicas[1], &ann).await.header("ratelimit"), shown);
    let limited = call(&replicas[0], &ann).await;
    assert_eq!((limit(&limited), limited.header("retry-after")), ("operation", "43200"));
    assert_eq!(call(&replicas[1], &bob).await.status, 200);
    assert_eq!(limit(&call(&replicas[0], &bob).await), "operation_total");
    assert_eq!(replicas[0].client(&ann).list().await.status, 200);
    let limited = replicas[1].client(&ann).list().await;
    assert_eq!((limit(&limited), limited.header("retry-after")), ("caller", "21600"));
}

#[tokio::test]
async fn redis_receives_the_script_once_and_again_after_it_has_lost_it() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let (replica, token) = (replica(&redis, &users, Some(9)).await, users.add("ann"));
    let mut connection = redis.connect().await;
    for round in 1..=2 {
        for _ in 0..2 {
            assert_eq!(replica.client(&token).list().await.status, 200);
        }
        let calls = commands(&mut connection).await;
        assert_eq!((calls("eval"), calls("script|load"), calls("evalsha")), (0, round, 3 * round), "round {round}");
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.unwrap();
    }
    let remaining = replica.client(&token).list().await.header("ratelimit").to_owned();
    assert!(remaining.starts_with(r#""caller";r=4;"#), "every request was counted once: {remaining}");
}

/// Returns how often Redis has run a command.
async fn commands(connection: &mut redis::aio::MultiplexedConnection) -> impl Fn(&str) -> u64 + use<> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
    move |name| {
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }
}

#[tokio::test]
async fn a_rate_that_was_raised_holds_without_the_period_of_the_old_one() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let (token, old) = (users.add("ann"), replica(&redis, &users, Some(1)).await);
    assert_eq!(old.client(&token).list().await.status, 200);
    assert_eq!(limit(&old.client(&token).list().await), "caller");
    let raised = Replica::serve(Proxy::to(&redis).await, &users, |server, replication| {
        server.replication(replication).rates(|rates| rates.caller = Some("2/second".parse().unwrap()))
    })
    .await;
    raised.wait_until_connected().await;
    eventually("the raised rate holds", async || raised.client(&token).list().await.status == 200).await;
}

#[tokio::test]
async fn the_keys_show_no_caller_and_expire_when_the_quota_is_full() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replica = replica(&redis, &users, Some(2)).await;
    assert_eq!(call(&replica, &users.add("ann")).await.status, 200);
    let mut connection = redis.connect().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("toolgate:rate:*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        assert_eq!(key.len(), "toolgate:rate:".len() + 32, "{key}");
        let ttl: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
        assert!((1..=86_400_000 / 2).contains(&ttl), "{ttl}");
    }
}

#[tokio::test]
async fn without_redis_a_replica_continues_to_count_by_itself() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    for (user, stop) in [("ann", Proxy::stall as fn(&Proxy)), ("bob", Proxy::disconnect)] {
        let replica = replica(&redis, &users, Some(3)).await;
        let token = users.add(user);
        assert_eq!(call(&replica, &token).await.status, 200);
        stop(&replica.proxy);
        // The replica has counted the first request, too.
        assert_eq!(call(&replica, &token).await.status, 200);
        assert_eq!(limit(&call(&replica, &token).await), "operation");
        assert_eq!(limit(&call(&replica, &token).await), "caller");
        replica.proxy.restore();
        // Redis has counted fewer requests of this caller than the replica.
        eventually("Redis counts again", async || replica.client(&token).list().await.status == 200).await;
    }
}

#[tokio::test]
async fn a_server_without_rates_sends_no_command_for_a_call() {
    let (redis, users) = (RedisServer::start().await, Users::default());
    let replica = Replica::start(&redis, &users, |replication| replication).await;
    replica.wait_until_connected().await;
    let token = users.add("ann");
    assert_eq!(call(&replica, &token).await.status, 200);
    let mut connection = redis.connect().await;
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    assert!(!stats.to_lowercase().contains("cmdstat_eval"), "{stats}");
}
