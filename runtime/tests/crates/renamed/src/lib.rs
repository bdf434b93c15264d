//! The macros work where `Cargo.toml` calls toolgate something else: nothing here is named `toolgate`.

use gate::prelude::*;

/// The scopes.
pub static SCOPES: Scopes = Scopes::new(&["files:read", "files:write"]);

/// A scope that was checked.
pub const WRITE: Scope = scope!("files:write");

/// What is read. serde's derives look for a dependency named `serde`, and this crate has none.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(crate = "gate::prelude::serde")]
struct File {
    /// Its path.
    path: String,
}

/// Arguments that are read one by one.
#[tool(scopes = "files:read")]
async fn read(file: File, caller: &Caller) -> Result<Json<File>, ToolError> {
    caller.require(scope!("files:write"))?;
    Ok(Json(file))
}

/// Arguments that are read through derives, whose paths are strings.
#[tool(scopes = "files:write", any_scope("files:read"))]
async fn write(
    path: String,
    #[serde(default)]
    #[schemars(length(max = 1000))]
    text: String,
) -> String {
    path + &text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tools_are_registered() {
        let table = ScopeTable::of(&SCOPES);
        let names: Vec<_> = table.tools().iter().map(|tool| tool.name).collect();
        assert_eq!(names, ["read", "write"]);
        assert_eq!(WRITE.name(), "files:write");
    }
}
