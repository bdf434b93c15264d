use serde_json::{Value, json};

use super::*;

const BASE_URL: &str = "https://mcp.example.com";
const ROOT: &str = "https://auth.example.com";
const PATH: &str = "https://auth.example.com/oauth/2.1";

fn metadata(issuer: &str) -> Metadata {
    let document = json!({
        "issuer": issuer,
        "token_endpoint": "https://auth.example.com/oauth/2.1/token",
        "scopes_supported": ["a", "offline_access"],
    });
    Metadata {
        issuer: issuer.to_owned(),
        scopes_supported: Some(vec!["a".into(), "offline_access".into()]),
        document: document.as_object().unwrap().clone(),
    }
}

fn choose(wish: Advertise, issuer: &str) -> Choice {
    Choice::new(wish, &AuthUrl::parse(ROOT).unwrap(), &metadata(issuer))
}

fn advertised(wish: Advertise, issuer: &str) -> String {
    let server = choose(wish, issuer).apply(metadata(issuer), BASE_URL);
    let advertised = server.issuer.unwrap();
    let mut document = server.document.unwrap();
    assert_eq!(document["issuer"], advertised, "a17: the document names what is advertised");
    document.insert("issuer".into(), issuer.into());
    assert_eq!(document, metadata(issuer).document, "nothing but the issuer changes");
    assert_eq!(server.scopes_supported, metadata(issuer).scopes_supported);
    advertised
}

#[test]
fn a17_a_consistent_tenant_is_advertised_itself() {
    assert_eq!(advertised(Advertise::Automatic, PATH), PATH);
    let with_slash = format!("{PATH}/");
    assert_eq!(advertised(Advertise::Automatic, &with_slash), with_slash);
}

#[test]
fn a17_this_server_stands_in_for_an_inconsistent_tenant() {
    for issuer in [
        ROOT,
        "https://auth.example.com/",
        "https://other.example.com/oauth/2.1",
        "https://auth.example.com/OAuth/2.1",
        "http://auth.example.com/oauth/2.1",
        "https://auth.example.com/oauth/2.1/x",
    ] {
        assert_eq!(advertised(Advertise::Automatic, issuer), BASE_URL, "{issuer}");
    }
}

#[test]
fn a_wish_decides_in_any_case() {
    for issuer in [PATH, ROOT, "https://other.example.com"] {
        assert_eq!(advertised(Advertise::ThisServer, issuer), BASE_URL);
        assert_eq!(advertised(Advertise::PropelAuth, issuer), PATH);
    }
}

#[test]
fn the_log_says_what_was_picked_and_why() {
    for (wish, issuer, worrying, parts) in [
        (Advertise::Automatic, PATH, false, [PATH, "names that issuer"]),
        (Advertise::Automatic, ROOT, false, ["this server", "without the path"]),
        (Advertise::Automatic, "https://other.example.com", true, ["this server", "https://other.example.com"]),
        (Advertise::ThisServer, PATH, false, ["this server", "Advertise::ThisServer"]),
        (Advertise::ThisServer, ROOT, false, ["this server", "Advertise::ThisServer"]),
        (Advertise::PropelAuth, PATH, false, [PATH, "Advertise::PropelAuth"]),
        (Advertise::PropelAuth, ROOT, true, [PATH, "strict clients refuse"]),
    ] {
        let choice = choose(wish, issuer);
        let text = choice.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(choice.is_worrying(), worrying, "{text}");
    }
}

#[test]
fn a_choice_is_announced_once_and_again_when_it_changes() {
    let change_logger = ChangeLogger::default();
    let log = |issuer| change_logger.log(choose(Advertise::Automatic, issuer));
    assert!(log(ROOT));
    assert!(!log(ROOT));
    assert!(log(PATH));
    assert!(!log(PATH));
    assert!(log(ROOT));
}

/// What real tenants serve; their addresses are renamed.
const REAL: &str = r#"{
    "authorization_endpoint": "https://auth.example.com/oauth/2.1/authorize",
    "code_challenge_methods_supported": ["S256"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "introspection_endpoint": "https://auth.example.com/oauth/2.1/introspect",
    "issuer": "ISSUER",
    "registration_endpoint": "https://auth.example.com/oauth/2.1/register",
    "response_types_supported": ["code"],
    "scopes_supported": ["mcp::plans:write", "mcp::plans:read", "mcp::server:connect"],
    "token_endpoint": "https://auth.example.com/oauth/2.1/token",
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"]
}"#;

#[test]
fn both_variants_of_a_real_document_are_passed_on_whole() {
    for (issuer, expected) in [(PATH, PATH), (ROOT, BASE_URL)] {
        let body = REAL.replace("ISSUER", issuer);
        let metadata = Metadata::read(body.as_bytes()).unwrap();
        let choice = Choice::new(Advertise::Automatic, &AuthUrl::parse(ROOT).unwrap(), &metadata);
        let server = choice.apply(metadata, BASE_URL);
        let passed_on: Value = serde_json::from_str(&REAL.replace("ISSUER", expected)).unwrap();
        assert_eq!(server.issuer.as_deref(), Some(expected));
        assert_eq!(server.document.map(Value::Object), Some(passed_on));
        assert_eq!(server.scopes_supported.map(|scopes| scopes.len()), Some(3));
    }
}
