use toolgate::prelude::*;

// Scopes are checked against a `const`, too. That the list is one is reported when the server is built, as
// `BuildProblem::CopiedScopeList`. No code that compiles for a `static` fails for a `const` with a message of its own:
// `&raw const SCOPES` fails with "cannot take address of a temporary", once for each tool, and comparing addresses is not
// possible in constants.
pub const SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(scopes = "employees:read:private")]
async fn profile() {}

fn main() {}
