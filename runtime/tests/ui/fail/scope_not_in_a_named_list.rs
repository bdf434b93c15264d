use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

mod policy {
    pub mod payroll {
        pub static SCOPES: toolgate::Scopes = toolgate::Scopes::new(&["payroll:read"]);
    }
}

#[tool(scopes = "payroll:raed", scopes_in = policy::payroll::SCOPES)]
async fn similar() {}

#[tool(scopes = "employees:read:public", scopes_in = crate::policy::payroll::SCOPES)]
async fn of_another_list() {}

const SIMILAR: Scope = scope!("payroll:raed", in policy::payroll::SCOPES);

const OF_ANOTHER_LIST: Scope = scope!("tickets", in policy::payroll::SCOPES);

fn main() {}
