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

fn advertised_issuer(advertise: Advertise, issuer: &str) -> AdvertisedIssuer {
    AdvertisedIssuer::new(advertise, &AuthUrl::parse(ROOT).unwrap(), &metadata(issuer))
}

/// Returns the advertised issuer, after checking the rest of what clients receive.
fn advertised(advertise: Advertise, issuer: &str) -> String {
    let server = advertised_issuer(advertise, issuer).authorization_server(metadata(issuer), BASE_URL);
    let advertised = server.issuer.unwrap();
    let mut document = server.document.unwrap();
    assert_eq!(document["issuer"], advertised, "a17: the document names the advertised issuer");
    document.insert("issuer".into(), issuer.into());
    assert_eq!(document, metadata(issuer).document, "nothing but the issuer changes");
    assert_eq!(server.scopes_supported, metadata(issuer).scopes_supported);
    advertised
}

#[test]
fn a17_propelauth_is_advertised_if_its_metadata_names_the_expected_issuer() {
    assert_eq!(advertised(Advertise::Automatic, PATH), PATH);
    let with_slash = format!("{PATH}/");
    assert_eq!(advertised(Advertise::Automatic, &with_slash), with_slash);
}

#[test]
fn a17_this_server_is_advertised_if_the_metadata_names_another_issuer() {
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
fn an_explicit_setting_overrides_the_metadata() {
    for issuer in [PATH, ROOT, "https://other.example.com"] {
        assert_eq!(advertised(Advertise::ThisServer, issuer), BASE_URL);
        assert_eq!(advertised(Advertise::PropelAuth, issuer), PATH);
    }
}

#[test]
fn the_log_text_names_the_advertised_issuer_and_the_reason() {
    for (advertise, issuer, is_warning, parts) in [
        (Advertise::Automatic, PATH, false, [PATH, "names that issuer"]),
        (Advertise::Automatic, ROOT, false, ["this server", "without the path"]),
        (Advertise::Automatic, "https://other.example.com", true, ["this server", "https://other.example.com"]),
        (Advertise::ThisServer, PATH, false, ["this server", "Advertise::ThisServer"]),
        (Advertise::ThisServer, ROOT, false, ["this server", "Advertise::ThisServer"]),
        (Advertise::PropelAuth, PATH, false, [PATH, "Advertise::PropelAuth"]),
        (Advertise::PropelAuth, ROOT, true, [PATH, "strict clients reject"]),
    ] {
        let advertised = advertised_issuer(advertise, issuer);
        let text = advertised.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(advertised.is_warning(), is_warning, "{text}");
    }
}

#[test]
fn the_advertised_issuer_is_logged_when_it_changes() {
    let change_logger = ChangeLogger::default();
    let log = |issuer| change_logger.log(advertised_issuer(Advertise::Automatic, issuer));
    assert!(log(ROOT));
    assert!(!log(ROOT));
    assert!(log(PATH));
    assert!(!log(PATH));
    assert!(log(ROOT));
}

/// Metadata document of a real environment, with other URLs.
const REAL_DOCUMENT: &str = r#"{
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
fn both_variants_of_a_real_document_are_served_with_all_fields() {
    for (issuer, expected) in [(PATH, PATH), (ROOT, BASE_URL)] {
        let body = REAL_DOCUMENT.replace("ISSUER", issuer);
        let metadata = Metadata::parse(body.as_bytes()).unwrap();
        let advertised = AdvertisedIssuer::new(Advertise::Automatic, &AuthUrl::parse(ROOT).unwrap(), &metadata);
        let server = advertised.authorization_server(metadata, BASE_URL);
        let document: Value = serde_json::from_str(&REAL_DOCUMENT.replace("ISSUER", expected)).unwrap();
        assert_eq!(server.issuer.as_deref(), Some(expected));
        assert_eq!(server.document.map(Value::Object), Some(document));
        assert_eq!(server.scopes_supported.map(|scopes| scopes.len()), Some(3));
    }
}
