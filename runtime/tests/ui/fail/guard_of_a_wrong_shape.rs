#![allow(unused_variables)]

use toolgate::{guard::{Arguments, Denied}, prelude::*};

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

fn not_async(caller: &Caller, arguments: &Arguments) -> Result<(), Denied> {
    Ok(())
}

async fn without_arguments(caller: &Caller) -> Result<(), Denied> {
    Ok(())
}

async fn another_result(caller: &Caller, arguments: &Arguments) -> bool {
    true
}

#[tool(scopes = "employees:read:public", guard = not_async)]
async fn one() {}

#[tool(scopes = "employees:read:public", guard = without_arguments)]
async fn two() {}

#[tool(scopes = "employees:read:public", guard = another_result)]
async fn three() {}

struct Office;

#[tool(scopes = "employees:read:public", guard = Office)]
async fn four() {}

fn main() {}
