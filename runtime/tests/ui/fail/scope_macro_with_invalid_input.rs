use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

const NAME: &str = "employees:read:public";

fn constant() -> Scope {
    scope!(NAME)
}

fn empty() -> Scope {
    scope!()
}

fn list_without_in() -> Scope {
    scope!("employees:read:public", SCOPES)
}

fn unknown_list() -> Scope {
    scope!("employees:read:public", in OTHER)
}

fn main() {}
