#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["payroll:export"]);

#[tool(scopes = "payroll:export", approve)]
async fn no_text() {}

#[tool(scopes = "payroll:export", approve = TEXT)]
async fn not_a_literal() {}

#[tool(scopes = "payroll:export", approve = " ")]
async fn empty() {}

#[tool(scopes = "payroll:export", approve = "Export", read_only)]
async fn read_only() {}

#[tool(scopes = "payroll:export", task = true)]
async fn task_with_a_value() {}

fn main() {}
