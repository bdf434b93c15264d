#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async fn parameter<T: Send>(value: T) {}

#[tool(scopes = "employees:read:public")]
async fn number<const N: usize>() {}

#[tool(scopes = "employees:read:public")]
async fn clause()
where
    String: Clone,
{
}

#[tool(scopes = "employees:read:public")]
async fn hidden(name: impl Into<String>) {}

#[tool(scopes = "employees:read:public")]
async fn result() -> impl Into<String> {
    "text"
}

fn main() {}
