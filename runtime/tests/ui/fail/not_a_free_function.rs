use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

struct Directory;

#[tool(authenticated)]
impl Directory {
    async fn on_the_block() {}
}

impl Directory {
    #[tool(authenticated)]
    async fn uses_self() -> String {
        Self::text()
    }

    fn text() -> String {
        String::new()
    }
}

trait Tools {
    #[tool(authenticated)]
    async fn declared();
}

trait ProvidedTools {
    // The compiler, not the macro, reports a function in a trait or an `impl`: only the compiler knows where it is.
    #[tool(authenticated)]
    async fn provided() {}
}

impl Tools for Directory {
    #[tool(authenticated)]
    async fn declared() {}
}

fn main() {}
