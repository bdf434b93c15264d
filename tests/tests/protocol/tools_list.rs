//! `tools/list`.

use std::time::Duration;

use serde_json::{Value, json};
use toolgate::{
    Scopes, Server,
    auth::{Claims, StaticTokens},
    tool,
};
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
    let cached = TestServer::with(|server| {
        server.auth(tokens()).operations(|operations| operations.list_ttl = Duration::from_millis(1500))
    })
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
async fn t2_a_list_of_an_earlier_revision_has_no_cache_hints() {
    for fast_path in [true, false] {
        let configure = |server: Server| server.auth(tokens()).fast_path(fast_path);
        let server = TestServer::with(|server| {
            configure(server).operations(|operations| operations.list_ttl = Duration::from_secs(7))
        })
        .await;
        let result = server.client_with("everything", Revision::Legacy).list().await.result().clone();
        let members: Vec<_> = result.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["tools"], "fast path: {fast_path}");
    }
}

static ACQUIRABLE_SCOPES: Scopes =
    Scopes::new(&["refunds:approve", "refunds:create", "refunds:read", "refunds:report"])
        .implies("refunds:approve", &["refunds:create"]);

/// Read a refund.
#[tool(scopes = "refunds:read", scopes_in = ACQUIRABLE_SCOPES)]
async fn refund() -> &'static str {
    "a refund"
}

/// Create a refund.
#[tool(
    scopes = "refunds:create",
    any_scope("refunds:read", "refunds:report"),
    meta = json!({ "company/team": "orders", "securitySchemes": [] }),
    scopes_in = ACQUIRABLE_SCOPES
)]
async fn refund_create() -> &'static str {
    "created"
}

/// Report refunds.
#[tool(any_scope("refunds:report", "refunds:approve"), scopes_in = ACQUIRABLE_SCOPES)]
async fn refund_report() -> &'static str {
    "the report"
}

#[tokio::test]
async fn tools_that_can_be_acquired_are_listed_with_their_scopes_on_both_paths() {
    let tokens = || {
        StaticTokens::new()
            .token("reader", Claims::new().scopes(["refunds:read"]))
            .token("approver", Claims::new().scopes(["refunds:approve"]))
    };
    for fast_path in [true, false] {
        let server = TestServer::serve(|url| {
            let server = Server::new("refunds", &ACQUIRABLE_SCOPES).server_url(url).auth(tokens()).skip_preflight();
            server.fast_path(fast_path).operations(|operations| operations.list_acquirable = true)
        })
        .await;
        for revision in Revision::BOTH {
            // Twice, because the fast path caches lists.
            for _ in 0..2 {
                let metas = async |token: &str| -> Vec<Value> {
                    let response = server.client_with(token, revision).list().await;
                    let tools = response.result()["tools"].as_array().unwrap().clone();
                    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
                    assert_eq!(names, ["refund", "refund_create", "refund_report"]);
                    tools.iter().map(|tool| tool["_meta"].clone()).collect()
                };
                let oauth2 = |scopes: &[&str]| json!({ "type": "oauth2", "scopes": scopes });
                let access = |granted: bool, missing: &[&str], required: &[&str]| json!({ "granted": granted, "missingScopes": missing, "requiredScopes": required });
                let report = [oauth2(&["refunds:report"]), oauth2(&["refunds:approve"])];
                assert_eq!(
                    metas("reader").await,
                    [
                        json!({
                            "toolgate/access": access(true, &[], &["refunds:read"]),
                            "securitySchemes": [oauth2(&["refunds:read"])],
                        }),
                        json!({
                            "company/team": "orders",
                            "securitySchemes": [],
                            "toolgate/access":
                                access(false, &["refunds:create"], &["refunds:create", "refunds:read"]),
                        }),
                        json!({
                            "toolgate/access": access(false, &["refunds:report"], &["refunds:report"]),
                            "securitySchemes": report,
                        }),
                    ],
                    "fast path: {fast_path}"
                );
                let approver = metas("approver").await;
                let granted: Vec<_> = approver.iter().map(|meta| &meta["toolgate/access"]["granted"]).collect();
                assert_eq!(granted, [false, false, true], "fast path: {fast_path}");
                assert_eq!(approver[1]["toolgate/access"]["missingScopes"], json!(["refunds:read"]));
            }
            let call = server.client_with("reader", revision).call("refund_report", json!({})).await;
            assert_eq!(call.status, 403, "a listed tool is not callable: {call:?}");
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
