//! Which token may call which tool, and the 403 for tokens with missing scopes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use toolgate::{
    auth::{Claims, StaticTokens},
    scope,
};
use toolgate_tests::{HttpResponse, Revision, TestServer, send, start_tenant, tenant_server, token_for, tokens};

/// Tool, token, required scopes in the challenge, missing scopes.
const MISSING_SCOPES: [(&str, &str, &[&str], &[&str]); 8] = [
    ("people_public", "nothing", &["people:read:public"], &["people:read:public"]),
    ("people_private", "public", &["people:read:private", "people:read:public"], &["people:read:private"]),
    (
        "people_private",
        "nothing",
        &["people:read:private", "people:read:public"],
        &["people:read:private", "people:read:public"],
    ),
    ("report", "public", &["reports:read"], &["reports:read"]),
    ("file_write", "read", &["files:write", "people:read:private"], &["files:write", "people:read:private"]),
    ("file_write", "write", &["files:write", "people:read:private"], &["people:read:private"]),
    ("file_write", "reports", &["files:write", "reports:read"], &["files:write"]),
    ("file_read", "foreign", &["files:read"], &["files:read"]),
];

fn assert_challenge(server: &TestServer, response: &HttpResponse, required: &[&str], missing: &[&str]) {
    assert_eq!(response.status, 403, "{response:?}");
    let challenge = response.expect_challenge();
    assert_eq!(challenge.get("error"), "insufficient_scope");
    assert_eq!(challenge.scopes(), required, "{response:?}");
    assert!(!challenge.get("error_description").is_empty());
    assert_eq!(
        challenge.get("resource_metadata"),
        format!("{}/.well-known/oauth-protected-resource/mcp", server.url)
    );
    let error = &response.json()["error"];
    assert_eq!(error["code"], -32010, "{response:?}");
    assert_eq!(error["data"], json!({ "required": required, "missing": missing }));
}

#[tokio::test]
async fn a9_a_call_with_too_few_scopes_gets_403_and_one_challenge_with_all_scopes() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for (tool, token, required, missing) in MISSING_SCOPES {
            let response = server.client_with(token, revision).call(tool, json!({})).await;
            assert_challenge(&server, &response, required, missing);
        }
    }
    assert_eq!(server.bodies.runs(), 0, "no body ran");
}

#[tokio::test]
async fn a9_the_error_names_the_tool_and_its_scopes() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let text = async |tool: &str, token: &str, arguments: Value| {
            let response = server.client_with(token, revision).call(tool, arguments).await;
            assert_eq!(response.error_code(), Some(-32010), "{response:?}");
            response.json()["error"]["message"].as_str().unwrap().to_owned()
        };
        for (tool, token, expected) in [
            ("people_public", "nothing", "people_public needs people:read:public"),
            ("people_private", "public", "people_private needs people:read:private and people:read:public"),
            ("report", "public", "report needs reports:read or files:read"),
            ("file_write", "nothing", "file_write needs files:write and (people:read:private or reports:read)"),
            ("file_write", "reports", "file_write needs files:write and reports:read"),
        ] {
            assert_eq!(text(tool, token, json!({})).await, expected);
        }
        // The body requires a scope, on the fast path and in rmcp's handler.
        let needs = "needs people:read:public and people:read:private";
        let in_body = text("people_search", "public", json!({ "private": true })).await;
        assert_eq!(in_body, format!("people_search {needs}"));
        let late = text("requires_scope_late", "public", json!({})).await;
        assert_eq!(late, format!("requires_scope_late {needs}"));
        // The same in a stream that has begun.
        let client = server.client_with("public", revision);
        let response = client.send(&revision.progress_message("requires_scope_late")).await;
        assert!(response.header("content-type").starts_with("text/event-stream"), "{response:?}");
        assert_eq!(response.json()["error"]["message"], format!("requires_scope_late {needs}"));
    }
}

#[tokio::test]
async fn a9_a_token_of_the_tenant_gets_the_same_challenge() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let (hr, support) = (token_for(&tenant, "HR", &server.endpoint), token_for(&tenant, "Support", &server.endpoint));
    for revision in Revision::BOTH {
        assert!(server.client_with(&hr, revision).call("people_private", json!({})).await.is_success());
        let response = server.client_with(&support, revision).call("people_private", json!({})).await;
        let required = ["people:read:private", "people:read:public"];
        assert_challenge(&server, &response, &required, &["people:read:private"]);
    }
}

#[tokio::test]
async fn a9_a_scope_required_for_all_tools_is_in_the_challenge() {
    let server = TestServer::with(|server| {
        server.auth(tokens()).require_for_all(scope!("reports:read", in toolgate_tests::SCOPES))
    })
    .await;
    for revision in Revision::BOTH {
        let response = server.client_with("nothing", revision).call("people_public", json!({})).await;
        let required = ["people:read:public", "reports:read"];
        assert_challenge(&server, &response, &required, &required);
        let response = server.client_with("read", revision).call("request_info", json!({})).await;
        assert_challenge(&server, &response, &["reports:read"], &["reports:read"]);
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a9_a_step_up_from_the_body_gets_a_challenge_with_all_scopes() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let search = async |token: &str, private: bool| {
            let client = server.client_with(token, revision);
            client.call("people_search", json!({ "private": private })).await
        };
        assert_eq!(search("public", false).await.text_content(), "public records only");
        assert_eq!(search("people", true).await.text_content(), "with private records");
        let response = search("public", true).await;
        let required = ["people:read:public", "people:read:private"];
        assert_challenge(&server, &response, &required, &["people:read:private"]);
        assert_eq!(response.json()["id"], 1);
    }
}

#[tokio::test]
async fn a_403_has_the_id_of_the_request() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        for id in [json!(7), json!("seven"), json!(-1), json!("\"}\\u0000{"), json!(9_007_199_254_740_991_u64)] {
            for tool in ["people_public", "people_private"] {
                let mut message = revision.call_message(tool, &json!({}));
                message["id"] = id.clone();
                let response = client.send(&message).await;
                assert_eq!(response.status, 403);
                assert_eq!(response.json()["id"], id, "{revision}: {response:?}");
                assert_eq!(response.json()["jsonrpc"], "2.0");
            }
        }
    }
}

#[tokio::test]
async fn a10_a_broader_scope_satisfies_a_narrower_one() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for (token, tool) in [
            ("write", "file_read"),
            ("admin", "file_read"),
            ("admin", "report"),
            ("write", "report"),
            ("everything", "file_write"),
        ] {
            let client = server.client_with(token, revision);
            assert!(client.tool_names().await.contains(&tool.to_owned()), "{token} does not list {tool}");
            assert!(client.call(tool, json!({})).await.is_success(), "{token} cannot call {tool}");
        }
        let narrow = server.client_with("read", revision);
        assert_eq!(
            narrow.call("file_write", json!({})).await.status,
            403,
            "a narrower scope does not satisfy a broader one"
        );
    }
}

#[tokio::test]
async fn a10_a_granted_broader_scope_is_not_reported_as_missing() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let response = server.client_with("admin", revision).call("file_write", json!({})).await;
        assert_challenge(&server, &response, &["files:write", "people:read:private"], &["people:read:private"]);
    }
}

#[tokio::test]
async fn a11_a_tool_cannot_read_the_token() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    for revision in Revision::BOTH {
        let client = server.client_with(&token, revision);
        let message = revision.call_message("request_info", &json!({}));
        let response = send(client.request(&message).header("X-Other", "visible")).await;
        assert!(response.text.contains("visible"), "other headers are visible: {response:?}");
        assert!(!response.text.contains(&token), "{response:?}");
        assert!(!response.text.to_lowercase().contains("\"authorization\""), "{response:?}");
        assert_eq!(response.result()["structuredContent"]["user"], tenant.person_of_role("HR").unwrap().id);
    }
}

#[tokio::test]
async fn a_tool_cannot_read_cookies_or_proxy_credentials() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let message = revision.call_message("request_info", &json!({}));
        let request = server.client_with("everything", revision).request(&message).header("X-Other", "visible");
        let request = request.header("Cookie", "session=hunter2").header("Cookie", "other=hunter2");
        let response = send(request.header("Proxy-Authorization", "Basic hunter2")).await;
        assert!(response.is_success() && response.text.contains("visible"), "{response:?}");
        assert!(!response.text.contains("hunter2"), "{response:?}");
    }
}

#[tokio::test]
async fn an_authenticated_tool_accepts_every_valid_token_and_nothing_else() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for token in ["nothing", "foreign", "everything"] {
            let response = server.client_with(token, revision).call("request_info", json!({})).await;
            assert!(response.is_success(), "{token} {revision}: {response:?}");
        }
        assert_eq!(server.client(revision).call("request_info", json!({})).await.status, 401);
    }
}

#[tokio::test]
async fn a_token_without_a_subject_has_no_user_id() {
    let validator = StaticTokens::new().token("machine", Claims::new().scopes(["files:read"]));
    let server = TestServer::with(|server| server.auth(validator)).await;
    for revision in Revision::BOTH {
        let response = server.client_with("machine", revision).call("request_info", json!({})).await;
        assert_eq!(response.result()["structuredContent"]["user"], Value::Null);
        assert_eq!(response.result()["structuredContent"]["scopes"], json!(["files:read"]));
    }
}

#[tokio::test]
async fn a_hidden_tool_gets_the_response_of_an_unknown_one() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let hidden = server.client_with("everything", revision).call("owner_only", json!({})).await;
        let unknown = server.client_with("everything", revision).call("ownerzonly", json!({})).await;
        assert_eq!(hidden.text.replace("owner_only", "ownerzonly"), unknown.text);
        assert_eq!((hidden.status, hidden.error_code()), (200, Some(-32602)));
        assert!(server.client_with("owner", revision).call("owner_only", json!({})).await.is_success());
    }
    assert_eq!(server.bodies.runs(), 2);
}

#[tokio::test]
async fn a_disabled_tool_is_reported_as_unknown() {
    let off = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&off);
    let server = TestServer::with(|server| {
        server.auth(tokens()).deny(move |tool| switch.load(Ordering::SeqCst) && tool.name == "people_public")
    })
    .await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        let call = async || client.call("people_public", json!({ "person_id": "per_1" })).await;
        off.store(false, Ordering::SeqCst);
        assert!(call().await.is_success());
        off.store(true, Ordering::SeqCst);
        assert_eq!(call().await.error_code(), Some(-32602));
        assert!(!client.tool_names().await.contains(&"people_public".to_owned()));
        let without_scope = server.client_with("nothing", revision).call("people_public", json!({})).await;
        assert_eq!(without_scope.error_code(), Some(-32602), "a disabled tool does not cause a step-up");
    }
    assert_eq!(server.bodies.runs(), 2);
}

#[tokio::test]
async fn a_guard_that_does_not_allow_the_call_prevents_the_body() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        let call = async |decision: &str| client.call("guarded", json!({ "decision": decision })).await;
        let denied = call("deny").await;
        assert!(denied.is_tool_error());
        assert_eq!(denied.text_content(), "not allowed: the decision is not `allow`");
        assert_eq!(call("panic").await.text_content(), "not allowed: a guard failed");
        assert!(call("fail").await.text_content().starts_with("not allowed: a guard failed (reference "));
        assert!(call("hang").await.is_tool_error());
        let without_scope = server.client_with("nothing", revision);
        let response = without_scope.call("guarded", json!({ "decision": "allow" })).await;
        assert_eq!(response.status, 403, "a guard does not replace scopes");
    }
    assert_eq!(server.bodies.runs(), 0);
    let allowed =
        server.client_with("public", Revision::Modern).call("guarded", json!({ "decision": "allow" })).await;
    assert_eq!(allowed.text_content(), "allow");
}
