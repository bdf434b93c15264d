#![allow(unused_variables)]

use completions::departments;
use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);

pub struct Directory;

mod completions {
    pub fn departments(value: &str) -> Vec<&'static str> {
        Vec::new()
    }
}

#[tool(authenticated)]
async fn of_a_tool(#[arg(complete = departments)] department: String) {}

#[prompt(authenticated)]
async fn header(#[arg(header = "Region")] region: String) -> String {
    String::new()
}

#[prompt(authenticated)]
async fn misspelled(#[arg(completion = departments)] department: String) -> String {
    String::new()
}

#[prompt(authenticated)]
async fn empty(#[arg()] department: String) -> String {
    String::new()
}

#[prompt(authenticated)]
async fn a_literal(#[arg(complete = "departments")] department: String) -> String {
    String::new()
}

#[prompt(authenticated)]
async fn awaited(#[arg(complete = departments(value).await)] department: String) -> String {
    String::new()
}

#[prompt(authenticated)]
async fn twice(#[arg(complete = departments, complete = departments)] department: String) -> String {
    String::new()
}

#[prompt(authenticated)]
async fn of_a_reference(#[arg(complete = departments)] directory: &Directory) -> String {
    String::new()
}

fn main() {}
