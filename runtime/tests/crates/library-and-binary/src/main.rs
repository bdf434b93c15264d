//! A program with a list and a tool of its own, which links in a library that has others.

use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};
use toolgate_test_library_and_binary as library;

static SCOPES: Scopes = Scopes::new(&["files:read"]);

/// Reads a file.
#[tool(scopes = "files:read")]
async fn program_read() -> Result<String, ToolError> {
    library::library_read().await
}

fn server() -> Server {
    let tokens = StaticTokens::new().token("reader", Claims::new().subject("reader").scopes(["files:read"]));
    Server::new("program", &SCOPES).auth(tokens)
}

fn main() -> Result<(), toolgate::BuildError> {
    println!("{}", server().build()?.scope_table());
    println!("{}", server().include(&library::SCOPES).build()?.scope_table());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(server: Server) -> Vec<&'static str> {
        let server = server.server_url("http://127.0.0.1:8000").build().expect("the server is complete");
        server.scope_table().tools().iter().map(|tool| tool.name).collect()
    }

    #[test]
    fn a_library_adds_no_tools_by_being_linked_in() {
        assert_eq!(names(server()), ["program_read"]);
    }

    #[test]
    fn a_library_s_tools_are_included_on_request() {
        assert_eq!(names(server().include(&library::SCOPES)), ["audit_read", "library_read", "program_read"]);
    }

    #[test]
    fn a_list_that_is_included_twice_counts_once() {
        let server = server().include(&library::SCOPES).include(&library::SCOPES).include(&SCOPES);
        assert_eq!(names(server), ["audit_read", "library_read", "program_read"]);
    }
}
