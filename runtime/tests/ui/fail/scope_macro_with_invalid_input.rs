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

fn list_without_comma() -> Scope {
    scope!("employees:read:public" in SCOPES)
}

fn list_as_a_string() -> Scope {
    scope!("employees:read:public", in "SCOPES")
}

fn two_scopes() -> Scope {
    scope!("employees:read:public", "employees:read:private")
}

fn unknown_list() -> Scope {
    scope!("employees:read:public", in OTHER)
}

fn main() {}
