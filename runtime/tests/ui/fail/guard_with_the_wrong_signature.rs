#![allow(unused_variables)]

use toolgate::{guard::{Arguments, Denied}, prelude::*};

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

fn not_async(caller: &Caller, arguments: &Arguments) -> Result<(), Denied> {
    Ok(())
}

async fn without_arguments(caller: &Caller) -> Result<(), Denied> {
    Ok(())
}

async fn wrong_result(caller: &Caller, arguments: &Arguments) -> bool {
    true
}

#[tool(scopes = "employees:read:public", guard = not_async)]
async fn tool_1() {}

#[tool(scopes = "employees:read:public", guard = without_arguments)]
async fn tool_2() {}

#[tool(scopes = "employees:read:public", guard = wrong_result)]
async fn tool_3() {}

struct Office;

#[tool(scopes = "employees:read:public", guard = Office)]
async fn tool_4() {}

fn main() {}
