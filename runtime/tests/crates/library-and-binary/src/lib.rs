//! A library with a list and tools of its own.

use toolgate::prelude::*;

/// The library's scopes. One of them has the name of one of the program's.
pub static SCOPES: Scopes = Scopes::new(&["audit:read", "files:read"]);

/// Reads the audit.
#[tool(scopes = "audit:read")]
async fn audit_read() {}

/// Is called by the program, which is not its being registered there.
///
/// # Errors
///
/// Never.
#[tool(scopes = "files:read")]
pub async fn library_read() -> Result<String, ToolError> {
    Ok("from the library".to_owned())
}
