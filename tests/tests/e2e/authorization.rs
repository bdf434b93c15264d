//! Which token may call which tool, and what a refusal says.

use serde_json::{Value, json};
use toolgate::auth::{Claims, StaticTokens};
use toolgate_tests::{Reply, Revision, TestServer, tenant, tenant_server, token_for, tokens};

/// A call, who makes it, and the scopes that the challenge names and that are missing.
const TOO_FEW: [(&str, &str, &[&str], &[&str]); 8] = [
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

fn check_challenge(server: &TestServer, reply: &Reply, required: &[&str], missing: &[&str]) {
    assert_eq!(reply.status, 403, "{reply:?}");
    let challenge = reply.must_challenge();
    assert_eq!(challenge.get("error"), "insufficient_scope");
    assert_eq!(challenge.scopes(), required, "{reply:?}");
    assert!(!challenge.get("error_description").is_empty());
    assert_eq!(
        challenge.get("resource_metadata"),
        format!("{}/.well-known/oauth-protected-resource/mcp", server.base)
    );
    let error = &reply.json()["error"];
    assert_eq!(error["code"], -32010, "{reply:?}");
    assert_eq!(error["data"], json!({ "required": required, "missing": missing }));
}

#[tokio::test]
async fn a9_a_call_with_too_few_scopes_gets_403_and_one_challenge_with_all_scopes() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for (tool, token, required, missing) in TOO_FEW {
            let reply = server.client_with(token, revision).call(tool, json!({})).await;
            check_challenge(&server, &reply, required, missing);
        }
    }
    assert_eq!(server.probe.runs(), 0, "no body ran");
}

#[tokio::test]
async fn a9_a_token_of_the_tenant_gets_the_same_challenge() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    let (hr, support) = (token_for(&tenant, "HR", &server.endpoint), token_for(&tenant, "Support", &server.endpoint));
    for revision in Revision::BOTH {
        assert!(server.client_with(&hr, revision).call("people_private", json!({})).await.is_success());
        let reply = server.client_with(&support, revision).call("people_private", json!({})).await;
        let required = ["people:read:private", "people:read:public"];
        check_challenge(&server, &reply, &required, &["people:read:private"]);
    }
}

#[tokio::test]
async fn a9_a_scope_that_every_tool_needs_is_in_the_challenge() {
    let server = TestServer::with(|server| server.auth(tokens()).require_all_tools("reports:read")).await;
    for revision in Revision::BOTH {
        let reply = server.client_with("nothing", revision).call("people_public", json!({})).await;
        let required = ["people:read:public", "reports:read"];
        check_challenge(&server, &reply, &required, &required);
        let reply = server.client_with("read", revision).call("surroundings", json!({})).await;
        check_challenge(&server, &reply, &["reports:read"], &["reports:read"]);
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a9_a_call_whose_body_asks_for_more_gets_the_same_challenge_with_all_scopes() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let search = async |token: &str, private: bool| {
            let client = server.client_with(token, revision);
            client.call("people_search", json!({ "private": private })).await
        };
        assert_eq!(search("public", false).await.text_content(), "nobody");
        assert_eq!(search("people", true).await.text_content(), "with private records");
        let reply = search("public", true).await;
        let required = ["people:read:public", "people:read:private"];
        check_challenge(&server, &reply, &required, &["people:read:private"]);
        assert_eq!(reply.json()["id"], 1);
    }
}

#[tokio::test]
async fn the_403_carries_the_requests_id() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        for id in [json!(7), json!("seven"), json!(-1), json!("\"}\\u0000{"), json!(9_007_199_254_740_991_u64)] {
            for tool in ["people_public", "people_private"] {
                let mut message = client.call_message(tool, &json!({}));
                message["id"] = id.clone();
                let reply = client.send(&message).await;
                assert_eq!(reply.status, 403);
                assert_eq!(reply.json()["id"], id, "{revision}: {reply:?}");
                assert_eq!(reply.json()["jsonrpc"], "2.0");
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
            assert!(client.tools().await.contains(&tool.to_owned()), "{token} lists {tool}");
            assert!(client.call(tool, json!({})).await.is_success(), "{token} calls {tool}");
        }
        let narrow = server.client_with("read", revision);
        assert_eq!(narrow.call("file_write", json!({})).await.status, 403, "not the other way round");
    }
}

#[tokio::test]
async fn a10_a_broader_scope_is_not_asked_for_again() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let reply = server.client_with("admin", revision).call("file_write", json!({})).await;
        check_challenge(&server, &reply, &["files:write", "people:read:private"], &["people:read:private"]);
    }
}

#[tokio::test]
async fn a11_the_token_is_nowhere_that_a_tool_can_look() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    for revision in Revision::BOTH {
        let client = server.client_with(&token, revision);
        let message = client.call_message("surroundings", &json!({}));
        let reply = Reply::to(client.request(&message).header("X-Other", "is passed on")).await;
        assert!(reply.text.contains("is passed on"), "{reply:?}");
        assert!(!reply.text.contains(&token), "{reply:?}");
        assert!(!reply.text.to_lowercase().contains("\"authorization\""), "{reply:?}");
        assert_eq!(reply.result()["structuredContent"]["user"], tenant.person_of_role("HR").unwrap().id);
    }
}

#[tokio::test]
async fn an_authenticated_tool_is_open_to_every_valid_token_and_to_nobody_else() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for token in ["nothing", "foreign", "everything"] {
            let reply = server.client_with(token, revision).call("surroundings", json!({})).await;
            assert!(reply.is_success(), "{token} {revision}: {reply:?}");
        }
        assert_eq!(server.client(revision).call("surroundings", json!({})).await.status, 401);
    }
}

#[tokio::test]
async fn a_token_without_a_subject_is_legal_and_nothing_is_made_up() {
    let validator = StaticTokens::new().token("machine", Claims::new().scopes(["files:read"]));
    let server = TestServer::with(|server| server.auth(validator)).await;
    for revision in Revision::BOTH {
        let reply = server.client_with("machine", revision).call("surroundings", json!({})).await;
        assert_eq!(reply.result()["structuredContent"]["user"], Value::Null);
        assert_eq!(reply.result()["structuredContent"]["scopes"], json!(["files:read"]));
    }
}

#[tokio::test]
async fn a_tool_that_a_rule_hides_is_answered_like_one_that_does_not_exist() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let hidden = server.client_with("everything", revision).call("owner_only", json!({})).await;
        let unknown = server.client_with("everything", revision).call("ownerzonly", json!({})).await;
        assert_eq!(hidden.text.replace("owner_only", "ownerzonly"), unknown.text);
        assert_eq!((hidden.status, hidden.error_code()), (200, Some(-32602)));
        assert!(server.client_with("owner", revision).call("owner_only", json!({})).await.is_success());
    }
    assert_eq!(server.probe.runs(), 2);
}
