//! What an operation reads about its caller from the backend API: the profile, and tokens of identity providers.

use serde_json::json;
use toolgate::{
    Server, TokenValidator as _,
    auth::{Claims, DirectoryError, StaticTokens},
    prelude::*,
    propelauth::{GitHub, Google},
};
use toolgate_dev_tenant::{DevTenant, NewApiKey};
use toolgate_tests::{
    CapturedLog, Client, Revision, TestServer, WEBHOOK_SECRET, WebhookDelivery, propel_auth, propel_auth_api_keys,
    start_tenant, token_for,
};

/// Scope of the tools of this file.
static PROFILE_SCOPES: Scopes = Scopes::new(&["people:read:public"]);

/// What the directory has about the caller, or the name of the error.
#[derive(Serialize, JsonSchema)]
struct Record {
    email: Option<String>,
    has_role: bool,
    google: String,
    github: String,
    debug: String,
}

fn error_name(error: &DirectoryError) -> &'static str {
    match error {
        DirectoryError::NoUser => "no user",
        DirectoryError::NoDirectory => "no directory",
        DirectoryError::NotFound => "not found",
        DirectoryError::Unavailable(_) => "unavailable",
        _ => "other",
    }
}

/// Return what the directory has about the caller.
#[tool(authenticated, read_only, scopes_in = PROFILE_SCOPES)]
async fn read_directory(caller: &Caller) -> Json<Record> {
    let profile = caller.profile().await;
    let google = caller.provider_token::<Google>().await;
    let github = caller.provider_token::<GitHub>().await;
    let shown = |token: &Result<std::sync::Arc<toolgate::auth::ProviderToken>, DirectoryError>| match token {
        Ok(token) => token.expose().chars().take(11).collect(),
        Err(error) => error_name(error).to_owned(),
    };
    Json(Record {
        email: match &profile {
            Ok(profile) => profile.email.clone(),
            Err(error) => Some(error_name(error).to_owned()),
        },
        has_role: profile
            .as_ref()
            .is_ok_and(|profile| profile.has_role("5a3e1f00-0000-4000-8000-000000000001", "HR")),
        google: shown(&google),
        github: shown(&github),
        debug: format!("{profile:?} {google:?}"),
    })
}

/// Fail with the error of the directory.
#[tool(authenticated, read_only, scopes_in = PROFILE_SCOPES)]
async fn require_profile(caller: &Caller) -> Result<String, ToolError> {
    Ok(caller.profile().await?.user_id.clone())
}

async fn start(tenant: &DevTenant) -> TestServer {
    // The token of another authorization server, whose user has the same ID.
    let person = tenant.person_of_role("HR").unwrap();
    let other = StaticTokens::new().token("other", Claims::new().subject(person.id));
    let auth = propel_auth(tenant).webhook_secret(WEBHOOK_SECRET).unwrap();
    let auth = auth.or(propel_auth_api_keys(tenant)).or(other);
    TestServer::serve(|url| Server::new("profiles", &PROFILE_SCOPES).server_url(url).auth(auth).skip_preflight())
        .await
}

async fn read(client: &Client) -> serde_json::Value {
    client.call("read_directory", json!({})).await.json()["result"]["structuredContent"].clone()
}

#[tokio::test]
async fn an_operation_reads_the_profile_of_its_caller_and_tokens_of_their_identity_providers() {
    let log = CapturedLog::start();
    let tenant = start_tenant().await;
    let server = start(&tenant).await;
    let hr = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    let record = read(&hr).await;
    assert_eq!(record["email"], "harriet.hr@example.com");
    assert_eq!(
        (&record["has_role"], &record["google"], &record["github"]),
        (&json!(true), &json!("dev-google-"), &json!("not found"))
    );
    let debug = record["debug"].as_str().unwrap();
    assert!(!debug.contains("dev-google") && !debug.contains("harriet.hr@"), "{debug}");
    let log = log.of_this_thread();
    // The tool returns the text before the digits of the token.
    let has_token =
        log.split("dev-google-").skip(1).any(|rest| rest.starts_with(|char: char| char.is_ascii_hexdigit()));
    assert!(!has_token && !log.contains(tenant.backend_api_key()), "a secret is in the log");
    let support = server.client_with(&token_for(&tenant, "Support", &server.endpoint), Revision::Modern);
    let record = read(&support).await;
    assert_eq!((&record["has_role"], &record["google"]), (&json!(false), &json!("not found")));
}

#[tokio::test]
async fn a_personal_key_has_the_profile_of_its_user_and_other_keys_have_none() {
    let tenant = start_tenant().await;
    let server = start(&tenant).await;
    let person = tenant.person_of_role("HR").unwrap();
    for (new, expected) in [
        (NewApiKey::for_person(&person.id), "harriet.hr@example.com"),
        (NewApiKey::for_organization(), "no user"),
        (NewApiKey::generic(), "no user"),
    ] {
        let key = tenant.create_api_key(&new).unwrap().key;
        assert_eq!(read(&server.client_with(&key, Revision::Modern)).await["email"], expected);
    }
}

#[tokio::test]
async fn a_user_of_another_authorization_server_with_the_same_id_has_no_profile() {
    let tenant = start_tenant().await;
    let server = start(&tenant).await;
    let record = read(&server.client_with("other", Revision::Modern)).await;
    assert_eq!((&record["email"], &record["google"]), (&json!("no directory"), &json!("no directory")));
}

#[tokio::test]
async fn a_profile_is_read_again_after_a_revocation_of_its_user() {
    let tenant = start_tenant().await;
    let server = start(&tenant).await;
    let person = tenant.person_of_role("HR").unwrap();
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(read(&client).await["has_role"], true);
    tenant.set_role(&person.id, "Support").unwrap();
    assert_eq!(read(&client).await["has_role"], true, "the profile is cached");
    let delivery = WebhookDelivery::user_disabled(&server.url, "msg_1", &person.id);
    assert_eq!(delivery.send().await.status, 204);
    assert_eq!(read(&client).await["has_role"], false);
}

#[tokio::test]
async fn an_error_of_the_directory_is_masked() {
    let tenant = start_tenant().await;
    let server = TestServer::serve(|url| {
        Server::new("profiles", &PROFILE_SCOPES).server_url(url).auth(propel_auth(&tenant)).skip_preflight()
    })
    .await;
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(read(&client).await["email"], "no directory");
    let failed = client.call("require_profile", json!({})).await;
    assert_eq!(failed.json()["result"]["isError"], true);
    assert!(!failed.text.contains("directory of users"), "{failed:?}");

    let wrong = propel_auth(&tenant).backend_key("wrong").unwrap();
    let server = TestServer::serve(|url| {
        Server::new("profiles", &PROFILE_SCOPES).server_url(url).auth(wrong).skip_preflight()
    })
    .await;
    let client = server.client_with(&token_for(&tenant, "HR", &server.endpoint), Revision::Modern);
    assert_eq!(read(&client).await["email"], "unavailable");
}
