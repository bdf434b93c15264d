#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

async fn is_async(caller: &Caller) -> bool {
    true
}

fn without_caller() -> bool {
    true
}

#[tool(scopes = "employees:read:public", visible_to = is_async)]
async fn one() {}

#[tool(scopes = "employees:read:public", visible_to = without_caller)]
async fn two() {}

struct Office;

#[tool(scopes = "employees:read:public", visible_to = Office)]
async fn three() {}

fn main() {}
