use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

fn server() -> Server {
    Server::new("HR", &SCOPES).auth("token")
}

fn main() {}
