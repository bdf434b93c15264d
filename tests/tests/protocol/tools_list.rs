//! `tools/list`.

use std::time::Duration;

use serde_json::json;
use toolgate_tests::{Revision, TestServer, send, start_tenant, tenant_server, token_for, tokens};

/// The tools that every valid token may call.
const AUTHENTICATED: [&str; 12] = [
    "arguments",
    "exceeds_timeout",
    "fails_masked",
    "fails_shown",
    "long_error",
    "long_text",
    "panics",
    "progresses",
    "request_info",
    "violates_output_schema",
    "waits",
    "waits_alone",
];

/// Returns the sorted names of the tools that every valid token may call and of some others.
fn authenticated_and(others: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = AUTHENTICATED.iter().chain(others).map(ToString::to_string).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_list_contains_exactly_the_tools_that_the_token_may_call() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for (token, others) in [
            ("nothing", &[][..]),
            ("foreign", &[]),
            ("public", &["guarded", "people_public", "people_search", "requires_scope_late"]),
            ("private", &[]),
            ("people", &["guarded", "people_private", "people_public", "people_search", "requires_scope_late"]),
            ("read", &["file_read", "regional", "report"]),
            ("admin", &["file_read", "regional", "report"]),
            ("reports", &["report"]),
            ("owner", &["owner_only"]),
        ] {
            let tools = server.client_with(token, revision).tool_names().await;
            assert_eq!(tools, authenticated_and(others), "{token} {revision}");
        }
    }
}

#[tokio::test]
async fn the_list_for_a_role_contains_exactly_the_tools_of_the_role() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    for revision in Revision::BOTH {
        for (role, others) in [
            ("HR", &["guarded", "people_private", "people_public", "people_search", "requires_scope_late"][..]),
            ("Support", &["guarded", "people_public", "people_search", "requires_scope_late"]),
        ] {
            let token = token_for(&tenant, role, &server.endpoint);
            let tools = server.client_with(&token, revision).tool_names().await;
            assert_eq!(tools, authenticated_and(others), "{role} {revision}");
        }
    }
}

#[tokio::test]
async fn t1_the_list_depends_only_on_the_authorization_and_has_a_stable_order() {
    let server = TestServer::start().await;
    let plain = server.client_with("people", Revision::Legacy).list().await;
    let expected = &plain.result()["tools"];
    for revision in Revision::BOTH {
        let client = server.client_with("people", revision);
        for _ in 0..3 {
            assert_eq!(&client.list().await.result()["tools"], expected, "{revision}");
        }
        let message = revision.message("tools/list", json!({ "tools": ["owner_only"], "role": "Owner" }));
        let mut odd = client.request(&message);
        for (name, value) in [
            ("User-Agent", "something else"),
            ("Accept-Language", "eo"),
            ("X-Org-Role", "Owner"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("Cookie", "role=Owner"),
        ] {
            odd = odd.header(name, value);
        }
        assert_eq!(&send(odd).await.result()["tools"], expected, "{revision}");
        // A request of another caller does not change the list.
        server.client_with("everything", revision).list().await;
        assert_eq!(&client.list().await.result()["tools"], expected, "{revision}");
    }
}

#[tokio::test]
async fn t2_the_list_has_a_ttl_and_a_private_cache_scope() {
    let server = TestServer::start().await;
    let cached =
        TestServer::with(|server| server.auth(tokens()).tools(|tools| tools.list_ttl = Duration::from_millis(1500)))
            .await;
    for (server, ttl) in [(&server, 0), (&cached, 1500)] {
        for token in ["nothing", "everything"] {
            let response = server.client_with(token, Revision::Modern).list().await;
            assert_eq!(response.result()["ttlMs"], ttl, "{response:?}");
            assert_eq!(response.result()["cacheScope"], "private", "{response:?}");
            assert!(response.result().get("nextCursor").is_none(), "the list has one page");
        }
    }
}

#[tokio::test]
async fn g1_an_unknown_cursor_is_rejected() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let response =
            server.client_with("people", revision).send_method("tools/list", json!({ "cursor": "x" })).await;
        assert_eq!(response.error_code(), Some(-32602), "{response:?}");
    }
}

#[tokio::test]
async fn a_listed_tool_has_its_description_annotations_and_schemas() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let response = server.client_with("people", revision).list().await;
        let tools = response.result()["tools"].as_array().unwrap();
        let tool = tools.iter().find(|tool| tool["name"] == "people_public").unwrap();
        assert_eq!(tool["description"], "Return a person's public profile.");
        assert_eq!(tool["annotations"]["readOnlyHint"], true);
        assert_eq!(tool["inputSchema"]["type"], "object");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false);
        assert_eq!(tool["inputSchema"]["required"], json!(["person_id"]));
        let argument = &tool["inputSchema"]["properties"]["person_id"];
        assert_eq!(argument["description"], "The person's ID, such as `per_7`.");
        assert_eq!(argument["pattern"], "^per_[0-9]+$");
        assert_eq!(tool["outputSchema"]["properties"]["name"]["type"], "string");
    }
}
