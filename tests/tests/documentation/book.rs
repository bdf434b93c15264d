//! What the book says about the sample company and the clients is what the code says.

use std::fs;

use toolgate::connect::{self, Step};
use toolgate_dev_tenant::TenantConfig;

use crate::repository;

fn chapter(name: &str) -> String {
    fs::read_to_string(repository().join("docs").join(name)).unwrap()
}

#[test]
fn the_chapter_about_propelauth_assigns_the_scopes_of_the_sample_company() {
    let chapter = chapter("propelauth.md");
    let tenant = fs::read_to_string(repository().join("examples/internal-server/tenant.toml")).unwrap();
    let tenant = TenantConfig::from_toml(&tenant).unwrap();
    let row = |scope: &str| {
        let cells = tenant.roles().iter().map(|role| if role.grants(scope) { " x |" } else { " |" });
        format!("| `{scope}` |{}", cells.collect::<String>())
    };
    let expected: Vec<_> = tenant.scopes().iter().map(|scope| row(&scope.name)).collect();
    let table = chapter.split("|:-:|\n").nth(1).unwrap();
    let shown: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(shown, expected);
}

#[test]
fn the_chapter_about_clients_shows_the_instructions_of_the_server() {
    let chapter = chapter("clients.md");
    for client in connect::clients("company", "https://mcp.example.com/mcp") {
        let is_shown = |step: &Step| match step {
            Step::Command(text) | Step::Link(text) => chapter.contains(text),
            Step::File { path, content } => chapter.contains(path) && chapter.contains(content),
            _ => false,
        };
        assert!(client.steps.iter().any(is_shown), "{}: {:?}", client.name, client.steps);
    }
}
