use toolgate::prelude::*;

pub static UNKNOWN: Scopes = Scopes::new(&["a:read", "a:write"]).implies("a:write", &["a:raed"]);

pub static UNKNOWN_LEFT: Scopes = Scopes::new(&["a:read", "a:write"]).implies("a:delete", &["a:read"]);

pub static ITSELF: Scopes = Scopes::new(&["a:read", "a:write"]).implies("a:write", &["a:write"]);

pub static CYCLE: Scopes = Scopes::new(&["a:read", "a:write", "a:all"])
    .implies("a:all", &["a:write"])
    .implies("a:write", &["a:read"])
    .implies("a:read", &["a:all"]);

pub static EMPTY: Scopes = Scopes::new(&["a:read", "a:write"]).implies("a:write", &[]);

fn main() {}
