use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);

const NAME: &str = "employees:read:public";

fn a() -> Scope {
    scope!(NAME)
}

fn b() -> Scope {
    scope!()
}

fn c() -> Scope {
    scope!("employees:read:public", SCOPES)
}

fn d() -> Scope {
    scope!("employees:read:public", in OTHER)
}

fn main() {}
