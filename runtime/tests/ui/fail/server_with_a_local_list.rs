use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

fn local() -> Server {
    let list = Scopes::new(&["employees:read:public"]);
    Server::new("HR", &list)
}

fn borrowed_state() -> Server {
    let database = String::new();
    Server::new("HR", &SCOPES).state(&database)
}

fn main() {}
