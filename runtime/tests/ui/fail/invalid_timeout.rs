use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", timeout = "30")]
async fn without_unit() {}

#[tool(scopes = "employees:read:public", timeout = "30 ticks")]
async fn unknown_unit() {}

#[tool(scopes = "employees:read:public", timeout = "0s")]
async fn zero() {}

#[tool(scopes = "employees:read:public", timeout = 30)]
async fn integer() {}

#[tool(scopes = "employees:read:public", timeout = Duration::from_secs(30))]
async fn duration() {}

// `M` is a month, and `m` is a minute.
#[tool(scopes = "employees:read:public", timeout = "5M")]
async fn too_long() {}

#[tool(scopes = "employees:read:public", timeout = "99999999999999999h")]
async fn overflow() {}

fn main() {}
