#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:export"]);

#[derive(Deserialize, JsonSchema)]
struct Period {
    year: u32,
}

#[tool(scopes = "payroll:export", approve = "Export the payroll of {yaer}")]
async fn misspelled(year: u32) {}

#[tool(scopes = "payroll:export", approve = "Export the payroll of {}")]
async fn positional(year: u32) {}

#[tool(scopes = "payroll:export", approve = "Export the payroll of {period}")]
async fn not_displayed(period: Period) {}

fn main() {}
