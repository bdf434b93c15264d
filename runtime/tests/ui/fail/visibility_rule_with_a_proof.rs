#![allow(unused_variables)]

use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);

#[derive(ScopeMarker)]
#[scope("tickets:read")]
struct TicketsRead;

type Access = Granted<TicketsRead>;

fn has_tickets(_access: &Granted<TicketsRead>) -> bool {
    true
}

#[tool(scopes = "tickets:read", visible_to = has_tickets(access))]
async fn ticket(access: &Access) {}

fn main() {}
