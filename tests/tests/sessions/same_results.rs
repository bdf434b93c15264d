//! Requests have the same results with and without a session.

use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate_tests::{Revision, TestServer};

use crate::{client::Session, start, tokens};

/// A request that every caller may send.
fn requests() -> impl Strategy<Value = Value> {
    let list = Just(Revision::Legacy.message("tools/list", json!({})));
    let ping = Just(Revision::Legacy.message("ping", json!({})));
    let unknown = Just(Revision::Legacy.message("unknown/method", json!({})));
    let tools = prop::sample::select(vec![
        "file_read",
        "file_write",
        "people_public",
        "people_private",
        "people_search",
        "owner_only",
        "fails_shown",
        "arguments",
        "no_such_tool",
    ]);
    let arguments = prop::sample::select(vec![
        json!({}),
        json!({ "person_id": "per_7" }),
        json!({ "person_id": "x" }),
        json!({ "private": true }),
        json!({ "private": false }),
        json!({ "limit": 3, "name": "name", "tags": ["a"] }),
        json!({ "limit": 300 }),
    ]);
    let call = (tools, arguments).prop_map(|(tool, arguments)| Revision::Legacy.call_message(tool, &arguments));
    prop_oneof![1 => list, 1 => ping, 1 => unknown, 6 => call]
}

#[test]
fn a_sequence_of_requests_has_the_same_responses_with_and_without_a_session() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (with, without) = runtime.block_on(async {
        (start().await, TestServer::with(|server| server.add_from(&crate::SESSION_SCOPES).auth(tokens())).await)
    });
    let tokens = prop::sample::select(vec!["sam", "sam-demoted", "harriet"]);
    let sequence = (tokens, prop::collection::vec(requests(), 1..8));
    proptest!(ProptestConfig::with_cases(48), |((token, sequence) in sequence)| {
        runtime.block_on(async {
            let session = Session::open(&with, token).await;
            let stateless = without.client_with(token, Revision::Legacy);
            for message in sequence {
                let (left, right) = (session.send(&message).await, stateless.send(&message).await);
                prop_assert_eq!(left.status, right.status, "{}", message);
                prop_assert_eq!(&left.text, &right.text, "{}", message);
                let challenge = |text: &str| text.replace(&with.url, "").replace(&without.url, "");
                prop_assert_eq!(
                    challenge(left.header("www-authenticate")),
                    challenge(right.header("www-authenticate"))
                );
            }
            Ok(())
        })?;
    });
}
