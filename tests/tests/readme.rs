//! What the README shows is what the sample server answers, and its server in twenty lines compiles.

use internal_server::{company::Company, repository::Repository, server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use toolgate_dev_tenant::DevTenant;
use toolgate_tests::{TestServer, propel_auth, token_for};

const README: &str = include_str!("../../README.md");

/// What stands between a command of the README and the next one, or the end of its block.
fn shown(command: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("$ {command}")).expect("the README has the command");
    let rest = rest.split_once('\n').expect("there is something after the command").1;
    let end = ["\n$ ", "\n```"].iter().filter_map(|end| rest.find(end)).min().expect("the block ends");
    &rest[..end]
}

/// The response to a message, without the header that tells the time, as `curl -i` prints it.
async fn post(server: &TestServer, token: &str, message: &str) -> String {
    let host = server.endpoint.trim_start_matches("http://").trim_end_matches("/mcp");
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{message}",
        message.len()
    );
    let mut stream = TcpStream::connect(host).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("the server answers in UTF-8");
    let ours = |line: &&str| !line.starts_with("date: ") && !line.starts_with("connection: ");
    response.replace('\r', "").lines().filter(ours).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_transcript_is_what_the_sample_server_answers() {
    let files = tempfile::tempdir().unwrap();
    let company = Company::open(files.path().join("company.db")).await.unwrap();
    let repository = Repository::open(files.path()).unwrap();
    let tenant = DevTenant::builder(internal_server::tenant::config().unwrap()).start().await.unwrap();
    let listener = TestServer::listener().await;
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = server(company, repository, propel_auth(&tenant)).server_url(&base);
    let server = TestServer::run(listener, server).await;

    for role in ["HR", "SUPPORT"] {
        let token = token_for(&tenant, if role == "HR" { "HR" } else { "Support" }, &server.endpoint);
        let list = post(&server, &token, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).await;
        let names: Vec<_> = shown(&format!("tools \"${role}\"")).lines().collect();
        assert!(!names.is_empty());
        assert_eq!(names.len(), list.matches("\"inputSchema\"").count(), "{role}");
        for name in names {
            assert!(list.contains(name), "{role}: {name}");
        }
    }

    let (_, call) = README.split_once("$ mcp \"$SUPPORT\" '").unwrap();
    let (message, _) = call.split_once("' -i").unwrap();
    let token = token_for(&tenant, "Support", &server.endpoint);
    let answer = post(&server, &token, message).await;
    let port = base.rsplit_once(':').unwrap().1;
    assert_eq!(answer.replace(&format!(":{port}/"), ":8000/"), shown("mcp \"$SUPPORT\" '"));
}
