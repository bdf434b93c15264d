//! The server of the README: a login in the browser, and tools that require scopes.
//!
//! ```sh
//! cargo run -p toolgate --example minimal
//! ```
//!
//! No variable of PropelAuth is set, so the server starts a development tenant. It writes `tenant.toml` to the current
//! folder, and prints:
//!
//! ```text
//! No PROPELAUTH_* variable is set: using a development tenant instead of PropelAuth.
//! It runs at http://127.0.0.1:8090, on this machine only. Any user can log in as any person.
//! Wrote tenant.toml from the scopes of this server. Edit its people and roles.
//!
//! MCP URL: http://127.0.0.1:8000/mcp
//! Admin page: http://127.0.0.1:8090/admin (disable people, change roles, revoke access)
//!
//! Connect a client, which opens a browser to log in:
//!   Claude Code    claude mcp add --transport http my-mcp-server http://127.0.0.1:8000/mcp && claude mcp login my-mcp-server
//!   Cursor         cursor://anysphere.cursor-deeplink/mcp/install?name=my-mcp-server&config=eyJ1cmwiOiJodHRwOi8vMTI3LjAuMC4xOjgwMDAvbWNwIn0%3D
//!   VS Code        .vscode/mcp.json: {"servers": {"my-mcp-server": {"type": "http", "url": "http://127.0.0.1:8000/mcp"}}}
//!   MCP Inspector  npx @modelcontextprotocol/inspector@latest --transport http --server-url http://127.0.0.1:8000/mcp
//!   FastMCP        uvx fastmcp list http://127.0.0.1:8000/mcp
//!
//! A caller without a browser, such as a CI job, sends an API key. Create one with:
//!   curl http://127.0.0.1:8090/admin/api/keys --json '{"name": "CI", "scopes": ["employees:read:public"]}'
//!
//! Or send one of these tokens as `Authorization: Bearer <token>`, also after a restart:
//!   Admin   Ada (sample)  $ADMIN
//!   Member  Mio (sample)  $MEMBER
//! ```
//!
//! Set the variables `ADMIN` and `MEMBER` to the two tokens, and call the tools:
//!
//! ```console
//! $ call() { curl -s http://127.0.0.1:8000/mcp -H "Authorization: Bearer $1" \
//! >     -H 'Accept: application/json, text/event-stream' --json '{
//! >         "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "'"$2"'", "arguments": '"$3"' }
//! >     }'; }
//! $ call "$MEMBER" department '{ "employee_id": "emp_0042" }'
//! {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Engineering"}],"isError":false}}
//! $ call "$MEMBER" transfer '{ "employee_id": "emp_0042", "department": "Support" }'
//! {"jsonrpc":"2.0","id":1,"error":{"code":-32010,"message":"transfer needs employees:write:department","data":{"missing":["employees:write:department"],"required":["employees:write:department"]}}}
//! $ call "$ADMIN" transfer '{ "employee_id": "emp_0042", "department": "Support" }'
//! {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"emp_0042 moves to Support"}],"isError":false}}
//! ```

use toolgate::{dev_tenant, prelude::*};

/// Every scope of this server, as configured in PropelAuth under MCP -> Org Scopes.
pub static SCOPES: Scopes = Scopes::new(&["employees:read:public", "employees:write:department"]);

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

/// Move an employee to another department.
#[tool(scopes = "employees:write:department")]
async fn transfer(employee_id: String, department: String) -> String {
    format!("{employee_id} moves to {department}")
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    Server::new("My MCP server", &SCOPES).auth_from(dev_tenant::or_propelauth("tenant.toml")).serve().await
}
