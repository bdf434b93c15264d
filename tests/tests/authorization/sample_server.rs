//! The sample server of `examples/internal-server`: which role may call which tool.

use internal_server::{SCOPES, TENANT_TOML, company::Company, repository::Repository, server};
use rmcp::model::CallToolRequestParams;
use serde_json::{Value, json};
use toolgate::{OperationKind, Policy, TokenValidator as _};
use toolgate_dev_tenant::{DevTenant, TenantConfig};
use toolgate_tests::{Revision, TestServer, connect_rmcp, propel_auth, propel_auth_api_keys, token_for};

/// Every tool with valid arguments.
const CALLS: [(&str, &str); 15] = [
    ("analytics_query", r#"{"metric":"daily_active_users","from":"2026-07-01","to":"2026-07-07"}"#),
    ("annual_report", r#"{"year":2025}"#),
    ("customer_contact", r#"{"customer_id":"cus_0001"}"#),
    ("customer_summary", r#"{"customer_id":"cus_0001"}"#),
    ("employee_information_private", r#"{"employee_id":"emp_0042"}"#),
    ("employee_information_public", r#"{"employee_id":"emp_0042"}"#),
    ("employee_search", r#"{"query":"a"}"#),
    ("payroll_export", r#"{"year":2026,"month":1}"#),
    ("payroll_summary", r#"{"year":2026,"month":1}"#),
    ("repository_read", r#"{"path":"hello.txt"}"#),
    ("repository_search", r#"{"query":"hello"}"#),
    ("revenue_report", r#"{"quarter":"2026-Q1"}"#),
    ("ticket_list", "{}"),
    ("ticket_update", r#"{"ticket_id":"tkt_0001","status":"open","comment":"checked"}"#),
    ("whoami", "{}"),
];

const HR: &[&str] = &[
    "employee_information_private",
    "employee_information_public",
    "employee_search",
    "payroll_export",
    "payroll_summary",
    "whoami",
];

const SUPPORT: &[&str] = &[
    "customer_contact",
    "customer_summary",
    "employee_information_public",
    "employee_search",
    "ticket_list",
    "ticket_update",
    "whoami",
];

struct Fixture {
    tenant: DevTenant,
    server: TestServer,
    _files: tempfile::TempDir,
}

async fn start() -> Fixture {
    let files = tempfile::tempdir().unwrap();
    std::fs::create_dir(files.path().join("repository")).unwrap();
    std::fs::write(files.path().join("repository/hello.txt"), "hello, world\n").unwrap();
    let company = Company::open(files.path().join("company.db")).await.unwrap();
    let repository = Repository::open(files.path().join("repository")).unwrap();
    let config = TenantConfig::from_toml(TENANT_TOML).unwrap();
    let tenant = DevTenant::builder(config).start().await.unwrap();
    let auth = propel_auth(&tenant).or(propel_auth_api_keys(&tenant));
    let server = TestServer::serve(|url| server(company, repository, auth).server_url(url)).await;
    Fixture { tenant, server, _files: files }
}

/// Asserts that a role lists exactly `tools`, can call them, and gets a challenge for every other tool.
async fn assert_role_may_call_exactly(fixture: &Fixture, role: &str, tools: &[&str]) {
    let endpoint = &fixture.server.endpoint;
    for revision in Revision::BOTH {
        let token = token_for(&fixture.tenant, role, endpoint);
        let client = connect_rmcp(endpoint, &token, revision).await;
        let listed = client.list_all_tools().await.unwrap();
        let listed: Vec<_> = listed.iter().map(|tool| tool.name.as_ref()).collect();
        assert_eq!(listed, tools, "{role} {revision}");
        for (tool, arguments) in CALLS {
            let arguments: Value = serde_json::from_str(arguments).unwrap();
            let params = CallToolRequestParams::new(tool).with_arguments(arguments.as_object().unwrap().clone());
            match client.call_tool(params).await {
                Ok(result) => {
                    assert!(tools.contains(&tool), "{role} called {tool}");
                    // A person has to approve this call first.
                    let is_asked = tool == "payroll_export";
                    assert_eq!(result.is_error == Some(true), is_asked, "{tool}: {result:?}");
                }
                Err(error) => {
                    assert!(!tools.contains(&tool), "{role} could not call {tool}: {error}");
                    let challenge = error.auth_challenge().unwrap();
                    assert!(challenge.contains("insufficient_scope"), "{challenge}");
                }
            }
        }
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn hr_lists_and_calls_exactly_the_tools_of_hr() {
    assert_role_may_call_exactly(&start().await, "HR", HR).await;
}

#[tokio::test]
async fn support_lists_and_calls_exactly_the_tools_of_support() {
    assert_role_may_call_exactly(&start().await, "Support", SUPPORT).await;
}

#[tokio::test]
async fn the_nightly_report_lists_and_calls_exactly_the_tools_of_its_api_key() {
    let fixture = start().await;
    let key = fixture.tenant.declared_api_key("nightly-report").unwrap();
    let client = fixture.server.client_with(&key, Revision::Legacy);
    let tools = client.tool_names().await;
    assert_eq!(tools, ["analytics_query", "ticket_list", "whoami"]);
    for (tool, arguments) in CALLS {
        let response = client.call(tool, serde_json::from_str(arguments).unwrap()).await;
        assert_eq!(response.is_success(), tools.iter().any(|listed| listed == tool), "{tool}: {response:?}");
    }
    let identity = client.call("whoami", json!({})).await;
    let identity = &identity.result()["structuredContent"];
    assert_eq!((&identity["user_id"], &identity["role"]), (&Value::Null, &Value::Null), "{identity}");
}

#[tokio::test]
async fn the_annual_report_is_a_task_for_clients_that_support_tasks() {
    let fixture = start().await;
    let token = token_for(&fixture.tenant, "Management", &fixture.server.endpoint);
    let client = fixture.server.client_with(&token, Revision::Modern);
    let created = client.call_with_tasks("annual_report", json!({ "year": 2025 })).await;
    let completed = client.task_with(created.result()["taskId"].as_str().unwrap(), "completed").await;
    assert_eq!(completed["result"]["structuredContent"]["quarters"][3]["revenue"]["quarter"], "2025-Q4");
}

#[tokio::test]
async fn whoami_reports_the_listed_tools() {
    let fixture = start().await;
    for role in ["Management", "HR", "Engineering", "Support"] {
        let token = token_for(&fixture.tenant, role, &fixture.server.endpoint);
        let client = fixture.server.client_with(&token, Revision::Modern);
        let response = client.call("whoami", json!({})).await;
        let identity = &response.result()["structuredContent"];
        assert_eq!(identity["tools"], json!(client.tool_names().await), "{role}");
        assert_eq!(identity["role"], role);
    }
}

#[test]
fn every_tool_of_the_sample_server_is_called() {
    let policy = Policy::of(&SCOPES);
    let tools = policy.operations.iter().filter(|operation| operation.kind == OperationKind::Tool);
    let tools: Vec<_> = tools.map(|tool| tool.name.as_str()).collect();
    assert_eq!(tools, CALLS.map(|(tool, _)| tool));
}
