#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
async fn type_parameter<T: Send>(value: T) {}

#[tool(scopes = "employees:read:public")]
async fn const_parameter<const N: usize>() {}

#[tool(scopes = "employees:read:public")]
async fn where_clause()
where
    String: Clone,
{
}

#[tool(scopes = "employees:read:public")]
async fn impl_trait_argument(name: impl Into<String>) {}

#[tool(scopes = "employees:read:public")]
async fn impl_trait_result() -> impl Into<String> {
    "text"
}

fn main() {}
