//! Memory of claims, counted at the allocator: what the token cache takes, and what an introspection response takes.
//!
//! In a process of its own, because the allocator counts the bytes of the whole process. The tests run one after the
//! other.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{alloc::System, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::sync::{Mutex, MutexGuard};
use toolgate::{
    Server,
    auth::{BearerToken, Claims, Resource, TokenValidator, ValidationError, async_trait},
};
use toolgate_tests::{InProcessClient, IntrospectionStub, Revision, SCOPES, TestServer, ToolBodies, heap_bytes};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// `token_cache.max_bytes` of the test.
const MAX_BYTES: usize = 1 << 20;
/// Memory of the server beside the claims: the tables of the caches, and the first request of each kind.
const BASE_BYTES: usize = 256 << 10;
/// Size of the claims of one token as JSON.
const CLAIMS_BYTES: usize = 8 << 10;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

async fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().await
}

/// Returns claims of [`CLAIMS_BYTES`] in the shapes that allocate the most.
fn shapes() -> Vec<(&'static str, Value)> {
    let repeated = |element: Value| {
        let count = CLAIMS_BYTES / (element.to_string().len() + 1);
        Value::Array(vec![element; count])
    };
    let deep = (0..110).fold(json!(0), |value, _| json!([value]));
    let keys: Map<String, Value> = (0..CLAIMS_BYTES / 8).map(|key| (format!("{key:04}"), json!(0))).collect();
    let members: Map<String, Value> =
        (0..CLAIMS_BYTES / 13).map(|key| (format!("{key:04}"), json!({"": 0}))).collect();
    vec![
        ("small objects", repeated(json!({ "": 0 }))),
        ("empty objects", repeated(json!({}))),
        ("empty arrays", repeated(json!([]))),
        ("arrays of one", repeated(json!([0]))),
        ("numbers", repeated(json!(0))),
        ("short strings", repeated(json!("a"))),
        ("short keys", Value::Object(keys)),
        ("objects in an object", Value::Object(members)),
        ("a long string", json!("a".repeat(CLAIMS_BYTES))),
        ("deep arrays", Value::Array(vec![deep; 6])),
    ]
}

/// Validator that returns the same claims for every token.
struct FixedClaims(Arc<Map<String, Value>>);

#[async_trait]
impl TokenValidator for FixedClaims {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        let mut claims = Claims::new().subject(token.expose()).audience_verified();
        claims.raw.clone_from(&self.0);
        Ok(claims)
    }
}

#[tokio::test]
async fn cached_claims_of_any_shape_take_at_most_max_bytes_even_if_tools_read_them() {
    let _alone = alone().await;
    let mut too_large = Vec::new();
    for (shape, value) in shapes() {
        let claims = json!({ "x": value });
        let validator = FixedClaims(Arc::new(claims.as_object().unwrap().clone()));
        let server = Server::new("toolgate-tests", &SCOPES)
            .skip_preflight()
            .auth(validator)
            .token_cache(|cache| {
                cache.ttl = Some(Duration::from_hours(1));
                cache.max_bytes = MAX_BYTES as u64;
                cache.max_tokens = 10_000;
            })
            .state(ToolBodies::default());
        let client = InProcessClient::new(server);
        assert!(client.call("warm-up", "request_info").await.is_success());
        let before = heap_bytes();
        let mut max = 0;
        for token in 0..MAX_BYTES / CLAIMS_BYTES * 3 / 2 {
            assert!(client.call(&format!("token-{token}"), "request_info").await.is_success());
            max = max.max(heap_bytes().saturating_sub(before));
        }
        println!("{shape}: {} KiB of {} KiB", max >> 10, MAX_BYTES >> 10);
        if max > MAX_BYTES + BASE_BYTES {
            too_large.push((shape, max));
        }
        assert!(max > MAX_BYTES / 4, "{shape}: the cache is used");
    }
    assert!(too_large.is_empty(), "more than {MAX_BYTES} bytes: {too_large:?}");
}

/// Returns how many bytes are allocated for one call whose token has this introspection response, including what is
/// deallocated again.
async fn allocated_by_call(response: String) -> (u16, usize) {
    let stub = IntrospectionStub::start().await;
    let server = TestServer::with(|server| server.auth(stub.propel_auth())).await;
    let call = async |token: &str| server.client_with(token, Revision::Modern).list().await.status;
    stub.set_response(json!({ "active": true, "sub": "a", "aud": server.endpoint }).to_string());
    assert_eq!(call("warm-up").await, 200);
    stub.set_response(response.replace("ENDPOINT", &server.endpoint));
    let before = INSTRUMENTED_SYSTEM.stats().bytes_allocated;
    let status = call("token").await;
    (status, INSTRUMENTED_SYSTEM.stats().bytes_allocated - before)
}

#[tokio::test]
async fn an_introspection_response_with_too_many_values_is_rejected_before_it_takes_memory() {
    let _alone = alone().await;
    let response = |element: &str, count: usize| {
        let elements = vec![element; count].join(",");
        format!(r#"{{"active":true,"sub":"a","aud":"ENDPOINT","x":[{elements}]}}"#)
    };
    let (status, allocated) = allocated_by_call(response(r#"{"":0}"#, 9000)).await;
    println!("{allocated} bytes allocated");
    assert_eq!(status, 503);
    assert!(allocated < 1 << 20, "{allocated} bytes allocated");
    // Together with the object, its members and the array, 4,096 values.
    assert_eq!(allocated_by_call(response("0", 4091)).await.0, 200);
    assert_eq!(allocated_by_call(response("0", 4092)).await.0, 503);
}
