//! A program with its own list of scopes and its own tool, and a dependency on a library with others.

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

fn main() {
    println!("{}", server().policy());
    println!("{}", server().add_from(&library::SCOPES).policy());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(server: Server) -> Vec<String> {
        let server = server.server_url("http://127.0.0.1:8000").build().expect("the server is complete");
        server.policy().operations.iter().map(|tool| tool.name.clone()).collect()
    }

    #[test]
    fn linking_a_library_adds_no_tools() {
        assert_eq!(names(server()), ["program_read"]);
    }

    #[test]
    fn the_tools_of_a_library_can_be_added() {
        assert_eq!(names(server().add_from(&library::SCOPES)), ["audit_read", "library_read", "program_read"]);
    }

    #[test]
    fn adding_a_list_twice_adds_its_tools_once() {
        let server = server().add_from(&library::SCOPES).add_from(&library::SCOPES).add_from(&SCOPES);
        assert_eq!(names(server), ["audit_read", "library_read", "program_read"]);
    }
}
