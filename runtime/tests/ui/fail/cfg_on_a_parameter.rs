use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[tool(authenticated)]
async fn removed(#[cfg(feature = "regions")] region: String, id: String) -> String {
    id
}

#[tool(authenticated)]
async fn changed(#[cfg_attr(feature = "regions", serde(default))] region: String) -> String {
    region
}

#[tool(authenticated)]
async fn of_the_server(#[cfg(unix)] caller: &Caller) -> String {
    caller.user_id().unwrap_or_default().to_owned()
}

fn main() {}
