use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", timeout = "30")]
async fn without_unit() {}

#[tool(scopes = "employees:read:public", timeout = "30 ticks")]
async fn unknown_unit() {}

#[tool(scopes = "employees:read:public", timeout = "0s")]
async fn none() {}

#[tool(scopes = "employees:read:public", timeout = 30)]
async fn number() {}

// `M` is a month, and `m` is a minute.
#[tool(scopes = "employees:read:public", timeout = "5M")]
async fn months() {}

#[tool(scopes = "employees:read:public", timeout = "99999999999999999h")]
async fn too_long() {}

fn main() {}
