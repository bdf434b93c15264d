//! The README's transcripts are what the sample server returns.

use internal_server::{TENANT_TOML, company::Company, repository::Repository, server};
use toolgate_dev_tenant::{DevTenant, TenantConfig};
use toolgate_tests::{RawRequest, TestServer, propel_auth, read_to_end, token_for};

const README: &str = include_str!("../../../README.md");

/// Returns the output that the README shows for a command.
fn shown_output(command: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("$ {command}")).expect("the README has the command");
    let rest = rest.split_once('\n').expect("the command has output").1;
    let end = ["\n$ ", "\n```"].iter().filter_map(|end| rest.find(end)).min().expect("the block ends");
    &rest[..end]
}

/// Sends a message and returns the response as `curl -i` prints it, without the headers that the README leaves out.
async fn post(server: &TestServer, token: &str, message: &str) -> String {
    let request = RawRequest::new("POST", "/mcp")
        .token(token)
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream");
    let response = read_to_end(&mut request.body(message).open(server.address).await).await;
    let is_shown = |line: &&str| !line.starts_with("date: ") && !line.starts_with("connection: ");
    response.replace('\r', "").lines().filter(is_shown).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_readme_transcript_matches_the_sample_server() {
    let files = tempfile::tempdir().unwrap();
    let company = Company::open(files.path().join("company.db")).await.unwrap();
    let repository = Repository::open(files.path()).unwrap();
    let tenant = DevTenant::builder(TenantConfig::from_toml(TENANT_TOML).unwrap()).start().await.unwrap();
    let server = TestServer::serve(|url| server(company, repository, propel_auth(&tenant)).server_url(url)).await;

    for role in ["HR", "SUPPORT"] {
        let token = token_for(&tenant, if role == "HR" { "HR" } else { "Support" }, &server.endpoint);
        let list = post(&server, &token, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).await;
        let names: Vec<_> = shown_output(&format!("tools \"${role}\"")).lines().collect();
        assert!(!names.is_empty());
        assert_eq!(names.len(), list.matches("\"inputSchema\"").count(), "{role}");
        for name in names {
            assert!(list.contains(name), "{role}: {name}");
        }
    }

    let token = token_for(&tenant, "Support", &server.endpoint);
    let port = server.address.port();
    let mut calls = 0;
    for (at, command) in README.match_indices("$ mcp \"$SUPPORT\" '") {
        let (message, rest) = README[at + command.len()..].split_once('\'').unwrap();
        let response = post(&server, &token, message).await.replace(&format!(":{port}/"), ":8000/");
        // Without `-i`, curl prints the body only.
        let is_complete = rest.starts_with(" -i\n");
        let printed = if is_complete { &*response } else { response.rsplit_once("\n\n").unwrap().1 };
        assert_eq!(printed, shown_output(&format!("mcp \"$SUPPORT\" '{message}'")));
        calls += 1;
    }
    assert_eq!(calls, 2);
}
