use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

static VEC: Scopes = Scopes::new(vec!["employees:read:public"]);

static ARRAY: Scopes = Scopes::new(["employees:read:public"]);

static STRINGS: Scopes = Scopes::new(&["employees:read:public".to_owned()]);

static IMPLIED: Scopes = Scopes::new(&["a:read", "a:write"]).implies("a:write", "a:read");

fn main() {}
