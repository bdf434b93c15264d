#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

#[resource(uri = "employees", scopes = "employees:read:public")]
async fn no_scheme() -> String {
    String::new()
}

#[resource(uri = "company://employees/{employee_id", scopes = "employees:read:public")]
async fn unclosed_variable(employee_id: String) -> String {
    String::new()
}

#[resource(uri = "company://employees/{employe_id}", scopes = "employees:read:public")]
async fn misspelled_variable(employee_id: String) -> String {
    String::new()
}

#[resource(uri = "company://employees", scopes = "employees:read:public")]
async fn no_variable(employee_id: String) -> String {
    String::new()
}

#[resource(uri = "company://employees/{employee_id}", scopes = "employees:read:public")]
async fn no_parameter() -> String {
    String::new()
}

fn main() {}
