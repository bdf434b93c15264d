use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public")]
struct Profile {
    name: String,
}

#[tool(scopes = "employees:read:public")]
mod tools {}

#[tool(scopes = "employees:read:public")]
const NUMBER: u8 = 7;

fn used(profile: Profile) -> String {
    profile.name
}

fn main() {}
