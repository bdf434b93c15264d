// Each error below is the only one for its function: no lint and no error about the body or the callers.
#![warn(unused, unused_qualifications, future_incompatible)]
#![deny(warnings)]

use guards::own_department;
use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

mod guards {
    pub async fn own_department(
        _: &toolgate::Caller,
        _: &str,
    ) -> Result<(), toolgate::Denied> {
        Ok(())
    }
}

async fn load() -> String {
    String::new()
}

#[tool(authenticated)]
async fn pattern((from, to): (String, String), unused: u8) {
    let unused_too = 7;
}

#[tool(authenticated)]
async fn generic<T: Clone>(value: T) -> String {
    let mut never_changed = load().await;
    never_changed
}

#[tool(authenticated)]
fn not_async(id: String) -> String {
    load().await
}

#[tool(authenticated)]
const fn constant(id: u8) -> u8 {
    7
}

#[tool(authenticated)]
async fn lifetime(text: &'a Caller) {}

#[tool(authenticated, tiemout = "30s", guard = own_department(caller, &id))]
async fn guarded(id: String) {
    return;
}

pub async fn caller() -> String {
    pattern((String::new(), String::new()), 7).await;
    generic(7).await
}

fn main() {}
