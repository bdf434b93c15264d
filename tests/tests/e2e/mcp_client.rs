//! rmcp's own client, which knows nothing of us.

use rmcp::{
    ServiceError,
    model::{CallToolRequestParams, ErrorCode},
};
use serde_json::{Value, json};
use toolgate_dev_tenant::Fault;
use toolgate_tests::{Revision, TestServer, mcp_client, rejected_mcp_client, tenant, tenant_server, token_for};

fn call(tool: &'static str, arguments: &Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool).with_arguments(arguments.as_object().cloned().unwrap_or_default())
}

#[tokio::test]
async fn it_lists_and_calls_what_its_token_may() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server.instructions("Ask nicely.")).await;
    for revision in Revision::BOTH {
        let token = token_for(&tenant, "HR", &server.endpoint);
        let client = mcp_client(&server.endpoint, &token, revision).await;
        let info = client.peer_info().unwrap();
        assert_eq!(info.instructions.as_deref(), Some("Ask nicely."));
        let names: Vec<_> = client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name).collect();
        assert!(names.iter().any(|name| name == "people_private"), "{names:?}");
        assert!(!names.iter().any(|name| name == "file_read"), "{names:?}");
        let result = client.call_tool(call("people_public", &json!({ "person_id": "per_3" }))).await.unwrap();
        assert_eq!(result.structured_content.unwrap()["name"], "The one called per_3");
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn it_is_told_where_to_log_in() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for token in [None, Some("unknown")] {
            let error = rejected_mcp_client(&server.endpoint, token, revision).await;
            assert!(error.is_authorization_required(), "{revision}: {error}");
            let challenge = error.auth_challenge().unwrap();
            assert!(challenge.contains("/.well-known/oauth-protected-resource/mcp"), "{challenge}");
        }
    }
}

#[tokio::test]
async fn it_is_told_which_scopes_to_ask_for() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = mcp_client(&server.endpoint, "public", revision).await;
        for (tool, arguments) in [("people_private", json!({})), ("people_search", json!({ "private": true }))] {
            let error = client.call_tool(call(tool, &arguments)).await.unwrap_err();
            let challenge = error.auth_challenge().unwrap_or_else(|| panic!("{revision}: {error}"));
            assert!(challenge.contains("insufficient_scope") && challenge.contains("people:read:private"));
        }
        assert!(client.call_tool(call("people_search", &json!({ "private": false }))).await.is_ok(), "it goes on");
    }
}

#[tokio::test]
async fn it_does_not_take_an_outage_for_a_bad_token() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    for revision in Revision::BOTH {
        let token = token_for(&tenant, "HR", &server.endpoint);
        tenant.set_fault(Fault::ServerError);
        let error = rejected_mcp_client(&server.endpoint, Some(&token), revision).await;
        assert!(!error.is_authorization_required(), "{revision}: {error}");
        assert!(error.auth_challenge().is_none());
        tenant.clear_fault();
        let client = mcp_client(&server.endpoint, &token, revision).await;
        assert!(client.call_tool(call("surroundings", &json!({}))).await.is_ok(), "the token is still good");
    }
}

#[tokio::test]
async fn it_sees_the_errors_of_tools_and_of_the_protocol() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = mcp_client(&server.endpoint, "nothing", revision).await;
        let error = client.call_tool(call("no_such_tool", &json!({}))).await.unwrap_err();
        assert!(
            matches!(&error, ServiceError::McpError(error) if error.code == ErrorCode::INVALID_PARAMS),
            "{revision}: {error:?}"
        );
        for tool in ["panics", "dawdles", "fails_shown", "fails_masked"] {
            let result = client.call_tool(call(tool, &json!({}))).await.unwrap();
            assert_eq!(result.is_error, Some(true), "{tool} {revision}");
        }
    }
}
