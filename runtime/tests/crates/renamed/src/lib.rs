//! The macros work in a crate that depends on toolgate under another name, and has no dependency on serde.

use gate::prelude::*;

/// Scopes of this crate.
pub static SCOPES: Scopes = Scopes::new(&["files:read", "files:write"]);

/// A scope constant.
pub const WRITE: Scope = scope!("files:write");

/// A file. serde's derives need `crate`, because this crate has no dependency named `serde`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(crate = "gate::prelude::serde")]
struct File {
    /// Path of the file.
    path: String,
}

/// Reads its arguments one by one.
#[tool(scopes = "files:read")]
async fn read(file: File, caller: &Caller) -> Result<Json<File>, ToolError> {
    caller.require(scope!("files:write"))?;
    Ok(Json(file))
}

/// Reads its arguments with derives, which take the path of serde as a string.
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
        let policy = Policy::of(&SCOPES);
        let names: Vec<_> = policy.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["read", "write"]);
        assert_eq!(WRITE.name(), "files:write");
    }
}
