//! `tools/list`.

use serde_json::json;
use toolgate_tests::{Reply, Revision, TestServer, tenant, tenant_server, token_for, tokens};

/// What every valid token may call.
const FOR_EVERYBODY: [&str; 9] =
    ["arguments", "dawdles", "fails_masked", "fails_shown", "lies", "panics", "progresses", "surroundings", "waits"];

fn and_for_everybody(more: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = FOR_EVERYBODY.iter().chain(more).map(ToString::to_string).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_list_holds_only_what_this_token_may_call() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for (token, more) in [
            ("nothing", &[][..]),
            ("foreign", &[]),
            ("public", &["asks_late", "guarded", "people_public", "people_search"]),
            ("private", &[]),
            ("people", &["asks_late", "guarded", "people_private", "people_public", "people_search"]),
            ("read", &["file_read", "regional", "report"]),
            ("admin", &["file_read", "regional", "report"]),
            ("reports", &["report"]),
            ("owner", &["owner_only"]),
        ] {
            let tools = server.client_with(token, revision).tools().await;
            assert_eq!(tools, and_for_everybody(more), "{token} {revision}");
        }
    }
}

#[tokio::test]
async fn the_list_holds_only_what_the_tenants_token_may_call() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    for revision in Revision::BOTH {
        for (role, more) in [
            ("HR", &["asks_late", "guarded", "people_private", "people_public", "people_search"][..]),
            ("Support", &["asks_late", "guarded", "people_public", "people_search"]),
        ] {
            let token = token_for(&tenant, role, &server.endpoint);
            let tools = server.client_with(&token, revision).tools().await;
            assert_eq!(tools, and_for_everybody(more), "{role} {revision}");
        }
    }
}

#[tokio::test]
async fn t1_the_list_depends_on_the_authorization_and_on_nothing_else_and_keeps_its_order() {
    let server = TestServer::start().await;
    let plain = server.client_with("people", Revision::Legacy).list().await;
    let expected = &plain.result()["tools"];
    for revision in Revision::BOTH {
        let client = server.client_with("people", revision);
        for _ in 0..3 {
            assert_eq!(&client.list().await.result()["tools"], expected, "{revision}");
        }
        let message = client.message("tools/list", json!({ "tools": ["owner_only"], "role": "Owner" }));
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
        assert_eq!(&Reply::to(odd).await.result()["tools"], expected, "{revision}");
        // Somebody else in between changes nothing.
        server.client_with("everything", revision).list().await;
        assert_eq!(&client.list().await.result()["tools"], expected, "{revision}");
    }
}

#[tokio::test]
async fn t2_the_list_says_for_how_long_and_for_whom_it_is_good() {
    let server = TestServer::start().await;
    let cached =
        TestServer::with(|server| server.auth(tokens()).list_ttl(std::time::Duration::from_millis(1500))).await;
    for (server, ttl) in [(&server, 0), (&cached, 1500)] {
        for token in ["nothing", "everything"] {
            let reply = server.client_with(token, Revision::Modern).list().await;
            assert_eq!(reply.result()["ttlMs"], ttl, "{reply:?}");
            assert_eq!(reply.result()["cacheScope"], "private", "{reply:?}");
            assert!(reply.result().get("nextCursor").is_none(), "there is one page");
        }
    }
}

#[tokio::test]
async fn a_cursor_that_nobody_gave_is_an_error() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let reply = server.client_with("people", revision).ask("tools/list", json!({ "cursor": "x" })).await;
        assert_eq!(reply.error_code(), Some(-32602), "{reply:?}");
    }
}

#[tokio::test]
async fn a_listed_tool_says_what_it_takes_and_what_it_does() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let reply = server.client_with("people", revision).list().await;
        let tools = reply.result()["tools"].as_array().unwrap();
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
