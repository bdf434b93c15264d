use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

fn rc() -> Server {
    Server::new("HR", &SCOPES).state(std::rc::Rc::new(String::new()))
}

fn ref_cell() -> Server {
    Server::new("HR", &SCOPES).state(std::cell::RefCell::new(String::new()))
}

fn main() {}
