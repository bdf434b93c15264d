use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

#[tool(scopes = "employees:read:public", name = "look up")]
async fn name_with_a_space() {}

#[tool(scopes = "employees:read:public", name = "employees/get")]
async fn name_with_a_slash() {}

#[tool(scopes = "employees:read:public", name = "")]
async fn empty_name() {}

#[rustfmt::skip]
#[tool(scopes = "employees:read:public", name = "a_name_of_129_characters_a_name_of_129_characters_a_name_of_129_characters_a_name_of_129_characters_a_name_of_129_characters_1234")]
async fn long_name() {}

#[tool(scopes = "employees:read:public")]
async fn größe() {}

fn main() {}
