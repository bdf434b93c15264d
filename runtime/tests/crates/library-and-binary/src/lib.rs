//! A library with its own list of scopes and its own tools.

use toolgate::prelude::*;

/// Scopes of the library. `files:read` is also a scope of the program.
pub static SCOPES: Scopes = Scopes::new(&["audit:read", "files:read"]);

/// Reads the audit log.
#[tool(scopes = "audit:read")]
async fn audit_read() {}

/// A tool that the program also calls as a function. The call does not register it there.
///
/// # Errors
///
/// Never.
#[tool(scopes = "files:read")]
pub async fn library_read() -> Result<String, ToolError> {
    Ok("from the library".to_owned())
}
