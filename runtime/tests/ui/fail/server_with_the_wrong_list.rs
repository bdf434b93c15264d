use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

fn by_value() -> Server {
    Server::new("HR", SCOPES)
}

fn names() -> Server {
    Server::new("HR", &["employees:read:public"])
}

fn added_by_value() -> Server {
    Server::new("HR", &SCOPES).add_from(SCOPES)
}

fn main() {}
