//! `build` reports every type that derives `Form` and cannot be a form. The types below would make any other server of
//! their program invalid, so they are in a test program of their own.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(dead_code, reason = "only the schemas of the forms are used")]

use toolgate::{BuildProblem, auth::StaticTokens, input::Form, prelude::*};

/// The scopes of the server.
pub static SCOPES: Scopes = Scopes::new(&["read"]);

#[derive(Deserialize, JsonSchema, Form)]
struct Valid {
    name: String,
    #[serde(rename = "accept_terms")]
    accepts: bool,
}

#[derive(Deserialize, JsonSchema, Form)]
struct Nested {
    valid: Valid,
}

#[derive(Deserialize, JsonSchema, Form)]
struct Login {
    #[serde(rename = "apiKey")]
    key: String,
}

#[test]
fn a_server_with_invalid_forms_is_not_built() {
    let server = Server::new("forms", &SCOPES).auth(StaticTokens::new()).skip_preflight();
    let error = server.build().unwrap_err();
    let mut problems: Vec<_> =
        error.problems().iter().filter(|p| matches!(p, BuildProblem::Form { .. })).map(ToString::to_string).collect();
    problems.sort();
    assert_eq!(
        problems,
        [
            "`forms::Login` cannot be a form: its field `apiKey` asks for a secret (the word `api key`), which a form must not \
             do: send the user to a page of the server with an `InputRequest` in URL mode, or choose another name if the \
             field holds no secret",
            "`forms::Nested` cannot be a form: its field `valid` must be a text, a number, a `bool`, an enum without data, a \
             list of such an enum, or an `Option` of one of these: MCP's forms are flat",
        ]
    );
}
