use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

struct Directory;

impl Directory {
    // The macro does not know that it is in an `impl`. It generates an `impl` block, which the compiler rejects here, so
    // that there is one error, and its help is to move the tool out.
    #[tool(scopes = "employees:read:public")]
    async fn profile(employee_id: String) -> String {
        employee_id
    }
}

fn main() {}
