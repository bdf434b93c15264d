//! The server of the README, with its log on standard error.
//!
//! Start a development tenant, which replaces PropelAuth on this machine. It prints the variables that the server reads:
//!
//! ```sh
//! cargo run -p toolgate-dev-tenant | tee target/tenant.env
//! ```
//!
//! Start the server with these variables in a second terminal:
//!
//! ```sh
//! set -a; . target/tenant.env; set +a
//! cargo run -p toolgate --example minimal
//! ```
//!
//! Mint a token for a person of the tenant's sample company, and call the tool:
//!
//! ```console
//! $ TOKEN=$(curl -s http://127.0.0.1:8090/admin/api/tokens --json '{
//! >     "person": "5a3e1f00-0000-4000-8000-000000000101", "resource": "http://127.0.0.1:8000/mcp"
//! > }' | cut -d '"' -f 4)
//! $ curl -s http://127.0.0.1:8000/mcp -H "Authorization: Bearer $TOKEN" \
//! >     -H 'Accept: application/json, text/event-stream' --json '{
//! >         "jsonrpc": "2.0", "id": 1, "method": "tools/call",
//! >         "params": { "name": "department", "arguments": { "employee_id": "emp_0042" } }
//! >     }'
//! {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Engineering"}],"isError":false}}
//! ```

use toolgate::prelude::*;

/// Every scope of this server, as configured in PropelAuth under MCP -> Org Scopes.
pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

/// Return the department of an employee.
#[tool(scopes = "employees:read:public", read_only)]
async fn department(
    /// The employee's ID, such as `emp_0042`.
    employee_id: String,
) -> Result<String, ToolError> {
    match employee_id.as_str() {
        "emp_0042" => Ok("Engineering".to_owned()),
        _ => Err(ToolError::new(format!("no employee {employee_id}"))),
    }
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    Server::new("My MCP server", &SCOPES).auth(PropelAuth::from_env()?).serve().await
}
