//! Policies beyond the scopes of a tool: guards, visibility rules, deny rules, alternatives and hierarchies of scopes.
//!
//! ```sh
//! cargo run -p toolgate --example guards_and_visibility
//! ```
//!
//! The auditor has one of the alternative scopes of `expense_history`. The approver may call `expense_list`, because
//! `expenses:approve` implies `expenses:read`. The guard of `expense_approve` decides by the arguments. During
//! maintenance, the deny rule disables destructive tools for all callers.
//!
//! ```console
//! $ mcp() { curl -s http://127.0.0.1:8000/mcp -H "Authorization: Bearer $1" \
//! >     -H 'Accept: application/json, text/event-stream' --json '{ "jsonrpc": "2.0", "id": 1, '"$2"' }'; }
//! $ tools() { mcp "$1" '"method": "tools/list"' | grep -o '"name":"[a-z_]*"'; }
//! $ call() { mcp "$1" '"method": "tools/call", "params": { "name": "'"$2"'", "arguments": '"$3"' }' |
//! >     grep -o -e '"text":"[^"]*"' -e '"message":"[^"]*"'; }
//! $ tools auditor-token
//! "name":"audit_notes"
//! "name":"expense_history"
//! $ tools approver-token
//! "name":"expense_approve"
//! "name":"expense_history"
//! "name":"expense_list"
//! $ call approver-token expense_approve '{ "expense_id": "exp_0007" }'
//! "text":"approved: exp_0007"
//! $ call approver-token expense_approve '{ "expense_id": "exp_0008" }'
//! "text":"not allowed: an owner must approve expenses above 500 EUR"
//! $ call owner-token expense_delete '{ "expense_id": "exp_0008" }'
//! "text":"deleted: exp_0008"
//! $ call owner-token maintenance '{ "on": true }'
//! "text":"maintenance has started"
//! $ call owner-token expense_delete '{ "expense_id": "exp_0007" }'
//! "message":"unknown tool: expense_delete"
//! ```

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};

/// Every scope of this server. A token with `expenses:approve` also has `expenses:read`.
pub static SCOPES: Scopes =
    Scopes::new(&["audit:read", "expenses:approve", "expenses:read"]).implies("expenses:approve", &["expenses:read"]);

/// Every role of this server's organizations.
pub static ROLES: Roles = Roles::new(&["Member", "Owner"]);

/// List the expenses that wait for approval.
#[tool(scopes = "expenses:read", read_only)]
async fn expense_list() -> &'static str {
    "exp_0007: 120 EUR, exp_0008: 900 EUR"
}

/// List all decisions about expenses.
#[tool(any_scope("expenses:approve", "audit:read"), read_only)]
async fn expense_history() -> &'static str {
    "exp_0006: approved"
}

/// Returns the amount of an expense in euros. A real server reads it from a database.
fn amount(expense_id: &str) -> Option<u32> {
    [("exp_0007", 120), ("exp_0008", 900)].into_iter().find(|(id, _)| *id == expense_id).map(|(_, euros)| euros)
}

/// Guard: only owners approve more than 500 EUR. The amount is looked up, because the caller could state another one.
fn within_limit(caller: &Caller, expense_id: &str) -> Result<(), Denied> {
    let euros = amount(expense_id).ok_or_else(|| Denied::new("unknown expense"))?;
    if euros <= 500 || caller.org_role() == Some("Owner") {
        return Ok(());
    }
    Err(Denied::new("an owner must approve expenses above 500 EUR"))
}

/// Approve an expense.
#[tool(scopes = "expenses:approve", guard = within_limit(caller, &expense_id))]
async fn expense_approve(expense_id: String) -> String {
    format!("approved: {expense_id}")
}

/// Delete an expense.
#[tool(scopes = "expenses:approve", org_role = "Owner", destructive)]
async fn expense_delete(expense_id: String) -> String {
    format!("deleted: {expense_id}")
}

/// Visibility rule: callers whose token has the claim `department` with the value `Audit`.
fn in_audit_department(caller: &Caller) -> bool {
    caller.claims().get("department").is_some_and(|department| department == "Audit")
}

/// Return the notes of the audit department.
#[tool(scopes = "audit:read", visible_to = in_audit_department(caller), read_only)]
async fn audit_notes() -> &'static str {
    "no findings"
}

/// Whether maintenance is in progress. Clones share it.
#[derive(Clone, Default)]
struct Maintenance(Arc<AtomicBool>);

/// Start or end maintenance.
#[tool(scopes = "expenses:approve", org_role = "Owner")]
async fn maintenance(on: bool, maintenance: &Maintenance) -> &'static str {
    maintenance.0.store(on, Ordering::Relaxed);
    if on { "maintenance has started" } else { "maintenance has ended" }
}

fn sample_tokens() -> StaticTokens {
    let mut auditor = Claims::new().subject("ada").scopes(["audit:read"]);
    auditor.raw.insert("department".to_owned(), json!("Audit"));
    let approver = Claims::new().subject("alex").organization("sample-org", "Member").scopes(["expenses:approve"]);
    let owner = Claims::new().subject("olga").organization("sample-org", "Owner").scopes(["expenses:approve"]);
    StaticTokens::new().token("auditor-token", auditor).token("approver-token", approver).token("owner-token", owner)
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    let maintenance = Maintenance::default();
    Server::new("Expenses", &SCOPES)
        .auth(sample_tokens())
        .state(maintenance.clone())
        .deny(move |tool| maintenance.0.load(Ordering::Relaxed) && tool.annotations.destructive == Some(true))
        .serve()
        .await
}
