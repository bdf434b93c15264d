//! `tools/call`, once it is allowed.

use serde_json::{Value, json};
use toolgate_tests::{Client, Reply, Revision, TestServer};

/// The schema of a listed tool's result.
async fn output_schema(client: &Client, tool: &str) -> Value {
    let list = client.list().await;
    let tools = list.result()["tools"].as_array().unwrap();
    tools.iter().find(|listed| listed["name"] == tool).unwrap()["outputSchema"].clone()
}

#[tokio::test]
async fn a_call_gives_the_tools_result_as_structure_and_as_text() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let reply =
            server.client_with("public", revision).call("people_public", json!({ "person_id": "per_7" })).await;
        let profile = json!({ "name": "The one called per_7", "room": 7 });
        assert_eq!(reply.result()["structuredContent"], profile);
        assert_eq!(serde_json::from_str::<Value>(reply.text_content()).unwrap(), profile);
    }
    assert_eq!(server.probe.runs(), 2);
}

#[tokio::test]
async fn an_unknown_tool_is_error_32602() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for token in ["nothing", "everything"] {
            let reply = server.client_with(token, revision).call("no_such_tool", json!({})).await;
            assert_eq!((reply.status, reply.error_code()), (200, Some(-32602)), "{revision}: {reply:?}");
            assert_eq!(reply.json()["id"], 1);
            assert!(reply.challenge().is_none());
        }
    }
}

#[tokio::test]
async fn t3_arguments_that_do_not_fit_come_back_with_every_violation_and_its_path() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let reply =
            client.call("arguments", json!({ "limit": 99, "name": "a", "tags": ["x", 7], "extra": true })).await;
        assert!(reply.is_tool_error(), "{revision}: {reply:?}");
        for part in ["/limit: ", "/name: ", "/tags", "extra"] {
            assert!(reply.text_content().contains(part), "{part} is named: {}", reply.text_content());
        }
        let reply = client.call("arguments", json!({})).await;
        assert!(reply.is_tool_error());
        assert!(reply.text_content().contains("limit") && reply.text_content().contains("name"));
    }
    assert_eq!(server.probe.runs(), 0);
    let mended = server.client_with("nothing", Revision::Modern);
    let reply = mended.call("arguments", json!({ "limit": 50, "name": "ab" })).await;
    assert!(reply.is_success(), "a model can act on it: {reply:?}");
}

#[tokio::test]
async fn t3_what_the_schema_says_is_what_is_enforced() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for wrong in [
            json!({}),
            json!({ "person_id": null }),
            json!({ "person_id": 7 }),
            json!({ "person_id": "seven" }),
            json!({ "person_id": "per_7 or 1=1" }),
            json!({ "person_id": "per_7", "probe": {} }),
            json!({ "Person_id": "per_7" }),
        ] {
            let reply = client.call("people_public", wrong.clone()).await;
            assert!(reply.is_tool_error(), "{wrong} {revision}: {reply:?}");
        }
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn t4_structured_content_fits_the_output_schema() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for (tool, arguments) in [("people_public", json!({ "person_id": "per_1" })), ("surroundings", json!({}))] {
            let schema = output_schema(&client, tool).await;
            let reply = client.call(tool, arguments).await;
            let content = &reply.result()["structuredContent"];
            assert!(content.is_object(), "{reply:?}");
            assert!(jsonschema::is_valid(&schema, content), "{tool} {revision}: {content} / {schema}");
        }
    }
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn t4_a_result_that_does_not_fit_its_schema_is_not_sent() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let reply = server.client_with("nothing", revision).call("lies", json!({})).await;
        assert!(reply.is_tool_error(), "{reply:?}");
        assert!(reply.result().get("structuredContent").is_none_or(Value::is_null));
        assert!(!reply.text.contains("truth"));
    }
}

fn assert_masked(reply: &Reply) {
    assert!(reply.is_tool_error(), "{reply:?}");
    assert!(!reply.text.contains("swordfish"), "{reply:?}");
    assert!(reply.text_content().starts_with("internal error (reference "), "{reply:?}");
}

#[tokio::test]
async fn a_panic_is_masked_and_the_server_goes_on() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        assert_masked(&client.call("panics", json!({})).await);
        assert!(client.call("surroundings", json!({})).await.is_success());
    }
    assert_eq!(server.probe.runs(), 4);
}

#[tokio::test]
async fn an_error_that_is_nobodys_business_is_masked_with_a_reference_of_its_own() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let (one, other) =
            (client.call("fails_masked", json!({})).await, client.call("fails_masked", json!({})).await);
        assert_masked(&one);
        assert_masked(&other);
        assert_ne!(one.text_content(), other.text_content());
    }
}

#[tokio::test]
async fn an_error_for_the_model_is_shown_word_for_word() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let reply = server.client_with("nothing", revision).call("fails_shown", json!({})).await;
        assert!(reply.is_tool_error());
        assert_eq!(reply.text_content(), "there is no such thing; try another");
    }
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_stopped_and_the_server_goes_on() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let reply = client.call("dawdles", json!({})).await;
        assert!(reply.is_tool_error(), "{reply:?}");
        assert!(reply.text_content().contains("too long"));
        assert!(client.call("surroundings", json!({})).await.is_success());
    }
}

#[tokio::test]
async fn a_tool_that_the_operator_switched_off_is_not_there() {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };
    let off = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&off);
    let server = TestServer::with(|server| {
        server
            .auth(toolgate_tests::tokens())
            .deny(move |tool| switch.load(Ordering::SeqCst) && tool.name == "people_public")
    })
    .await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        let call = async || client.call("people_public", json!({ "person_id": "per_1" })).await;
        off.store(false, Ordering::SeqCst);
        assert!(call().await.is_success());
        off.store(true, Ordering::SeqCst);
        assert_eq!(call().await.error_code(), Some(-32602));
        assert!(!client.tools().await.contains(&"people_public".to_owned()));
        let refused = server.client_with("nothing", revision).call("people_public", json!({})).await;
        assert_eq!(refused.error_code(), Some(-32602), "nobody is told to step up for it");
    }
    assert_eq!(server.probe.runs(), 2);
}

#[tokio::test]
async fn a_guard_that_does_not_say_yes_keeps_the_body_from_running() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        let call = async |answer: &str| client.call("guarded", json!({ "answer": answer })).await;
        let denied = call("no").await;
        assert!(denied.is_tool_error());
        assert_eq!(denied.text_content(), "not allowed: only yes will do");
        assert_eq!(call("panic").await.text_content(), "not allowed: the policy could not be checked");
        assert!(call("hang").await.is_tool_error());
        let stranger = server.client_with("nothing", revision).call("guarded", json!({ "answer": "yes" })).await;
        assert_eq!(stranger.status, 403, "a guard does not stand in for scopes");
    }
    assert_eq!(server.probe.runs(), 0);
    let allowed = server.client_with("public", Revision::Modern).call("guarded", json!({ "answer": "yes" })).await;
    assert_eq!(allowed.text_content(), "yes");
}
