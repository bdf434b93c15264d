//! The server as the client of rmcp sees it.

use rmcp::{
    ServiceError,
    model::{CallToolRequestParams, ErrorCode},
};
use serde_json::{Value, json};
use toolgate_dev_tenant::Fault;
use toolgate_tests::{
    Revision, TestServer, connect_rmcp, fail_to_connect_rmcp, start_tenant, tenant_server, tenant_server_with,
    token_for,
};

fn call(tool: &'static str, arguments: &Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool).with_arguments(arguments.as_object().cloned().unwrap_or_default())
}

#[tokio::test]
async fn rmcp_lists_and_calls_the_tools_that_its_token_may_call() {
    let tenant = start_tenant().await;
    let server = tenant_server_with(&tenant, |server| server.instructions("Use the public tools first.")).await;
    for revision in Revision::BOTH {
        let token = token_for(&tenant, "HR", &server.endpoint);
        let client = connect_rmcp(&server.endpoint, &token, revision).await;
        let info = client.peer_info().unwrap();
        assert_eq!(info.instructions.as_deref(), Some("Use the public tools first."));
        let names: Vec<_> = client.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name).collect();
        assert!(names.iter().any(|name| name == "people_private"), "{names:?}");
        assert!(!names.iter().any(|name| name == "file_read"), "{names:?}");
        let result = client.call_tool(call("people_public", &json!({ "person_id": "per_3" }))).await.unwrap();
        assert_eq!(result.structured_content.unwrap()["name"], "Person per_3");
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn rmcp_reads_the_metadata_address_from_the_401() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for token in [None, Some("unknown")] {
            let error = fail_to_connect_rmcp(&server.endpoint, token, revision).await;
            assert!(error.is_authorization_required(), "{revision}: {error}");
            let challenge = error.auth_challenge().unwrap();
            assert!(challenge.contains("/.well-known/oauth-protected-resource/mcp"), "{challenge}");
        }
    }
}

#[tokio::test]
async fn rmcp_reads_the_required_scopes_from_the_403() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = connect_rmcp(&server.endpoint, "public", revision).await;
        for (tool, arguments) in [("people_private", json!({})), ("people_search", json!({ "private": true }))] {
            let error = client.call_tool(call(tool, &arguments)).await.unwrap_err();
            let challenge = error.auth_challenge().unwrap_or_else(|| panic!("{revision}: {error}"));
            assert!(challenge.contains("insufficient_scope") && challenge.contains("people:read:private"));
        }
        assert!(
            client.call_tool(call("people_search", &json!({ "private": false }))).await.is_ok(),
            "the connection stays usable"
        );
    }
}

#[tokio::test]
async fn rmcp_does_not_treat_an_outage_as_an_invalid_token() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    for revision in Revision::BOTH {
        let token = token_for(&tenant, "HR", &server.endpoint);
        tenant.set_fault(Fault::ServerError);
        let error = fail_to_connect_rmcp(&server.endpoint, Some(&token), revision).await;
        assert!(!error.is_authorization_required(), "{revision}: {error}");
        assert!(error.auth_challenge().is_none());
        tenant.clear_fault();
        let client = connect_rmcp(&server.endpoint, &token, revision).await;
        assert!(client.call_tool(call("request_info", &json!({}))).await.is_ok(), "the token is still valid");
    }
}

#[tokio::test]
async fn rmcp_receives_tool_errors_and_protocol_errors() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = connect_rmcp(&server.endpoint, "nothing", revision).await;
        let error = client.call_tool(call("no_such_tool", &json!({}))).await.unwrap_err();
        assert!(
            matches!(&error, ServiceError::McpError(error) if error.code == ErrorCode::INVALID_PARAMS),
            "{revision}: {error:?}"
        );
        for tool in ["panics", "exceeds_timeout", "fails_shown", "fails_masked"] {
            let result = client.call_tool(call(tool, &json!({}))).await.unwrap();
            assert_eq!(result.is_error, Some(true), "{tool} {revision}");
        }
    }
}
