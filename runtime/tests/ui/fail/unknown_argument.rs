use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scope = "employees:read:public")]
async fn scope() {}

#[tool(scopes = "employees:read:public", readonly)]
async fn readonly() {}

#[tool(scopes = "employees:read:public", tiemout = "30s")]
async fn transposed() {}

#[tool(auth)]
async fn abbreviated() {}

#[tool(scopes = "employees:read:public", colour = "red")]
async fn dissimilar() {}

fn main() {}
