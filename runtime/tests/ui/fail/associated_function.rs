use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

struct Directory;

impl Directory {
    #[tool(scopes = "employees:read:public")]
    async fn profile(employee_id: String) -> String {
        employee_id
    }
}

fn main() {}
