//! Tests of the data file.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use toolgate_dev_tenant::{DataError, DevTenant, TenantConfig, TenantData};

use crate::browser::{Browser, redeem, redirect_params, register, request, token};
use crate::support::{http, introspect, token_of};

const HEADER: &str = "{\"format\":\"toolgate-dev-tenant\",\"version\":1}\n";

fn path_in(folder: &TempDir) -> PathBuf {
    folder.path().join("tenant.jsonl")
}

async fn start_with(path: &Path) -> DevTenant {
    let data = TenantData::open(path).unwrap();
    DevTenant::builder(TenantConfig::sample()).data(data).start().await.unwrap()
}

/// Returns the changes in a data file: all lines but the header.
fn changes(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.strip_prefix(HEADER).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn clients_tokens_people_and_credentials_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let first = start_with(&path).await;
    let client = register(&first).await;
    let redirect = Browser::default().allow(&first, &request(&client, &[]), "HR").await;
    let (_, tokens) = redeem(&first, &client, &redirect["code"]).await;
    let (revoked, minted) = (token_of(&first, "Support"), token_of(&first, "Engineering"));
    first.revoke_all(&first.person_of_role("Support").unwrap().id).unwrap();
    let promoted = first.person_of_role("Engineering").unwrap().id;
    first.set_role(&promoted, "Management").unwrap();
    let secret = first.introspection_client_secret().to_owned();
    first.shutdown().await;

    let second = start_with(&path).await;
    assert_eq!(second.introspection_client_secret(), secret);
    assert_eq!(introspect(&second, &revoked).await, json!({"active": false}));
    assert_eq!(introspect(&second, &minted).await["org_role"], "Management");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", &client),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(token(&second, &refresh).await.0, 200);
    let (status, _) = redeem(&second, &client, &redirect["code"]).await;
    assert_eq!(status, 400, "a code stays spent");
    second.shutdown().await;

    let third = start_with(&path).await;
    let access = tokens["access_token"].as_str().unwrap();
    let introspection = introspect(&third, access).await;
    assert_eq!(introspection, json!({"active": false}), "the replay in the second run revoked the grant");
}

#[tokio::test]
async fn a_restart_at_the_same_address_is_unnoticed_by_clients_and_browsers() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let first = start_with(&path).await;
    let address = first.address();
    let client = register(&first).await;
    let mut browser = Browser::default();
    let query = request(&client, &[]);
    let form = browser.log_in(&first, &query, "HR").await;
    let credentials = (first.introspection_client_id().to_owned(), first.introspection_client_secret().to_owned());
    first.shutdown().await;

    let data = TenantData::open(&path).unwrap();
    let second = DevTenant::builder(TenantConfig::sample()).data(data).bind(address).start().await.unwrap();
    let restored = (second.introspection_client_id().to_owned(), second.introspection_client_secret().to_owned());
    assert_eq!(restored, credentials);
    // The form that was open, and a new request of the person who is still logged in.
    let redirect = redirect_params(&browser.decide(&second, &form, "allow").await);
    assert_eq!(redeem(&second, &client, &redirect["code"]).await.0, 200);
    let query = request(&client, &[("prompt", "consent")]);
    let url = format!("{}/oauth/2.1/authorize?{query}", second.auth_url());
    let consent = browser.get(&url).await.text().await.unwrap();
    assert!(consent.contains("<h1>Allow "), "{consent}");
    second.revoke_all(&second.person_of_role("HR").unwrap().id).unwrap();
    second.shutdown().await;

    let third = start_with(&path).await;
    let url = format!("{}/oauth/2.1/authorize?{query}", third.auth_url());
    let login = browser.get(&url).await.text().await.unwrap();
    assert!(login.contains("<h1>Choose who you are"), "a revoked session stays revoked: {login}");
}

#[tokio::test]
async fn a_client_that_is_gone_during_the_consent_is_sent_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let first = start_with(&path).await;
    let client = register(&first).await;
    let mut browser = Browser::default();
    let form = browser.log_in(&first, &request(&client, &[]), "HR").await;
    let address = first.address();
    first.shutdown().await;
    let text = fs::read_to_string(&path).unwrap();
    let without_client = text.split_inclusive('\n').filter(|line| !line.contains("\"kind\":\"client\""));
    fs::write(&path, without_client.collect::<String>()).unwrap();

    let data = TenantData::open(&path).unwrap();
    let second = DevTenant::builder(TenantConfig::sample()).data(data).bind(address).start().await.unwrap();
    let response = browser.decide(&second, &form, "allow").await;
    assert_eq!(response.status(), 400);
    let page = response.text().await.unwrap();
    assert!(page.contains("removed because many others followed"), "{page}");
}

#[tokio::test]
async fn a_change_is_on_disk_before_its_response() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let running = start_with(&path).await;
    let client = register(&running).await;
    // The copy is what a crash would leave.
    let copy = folder.path().join("copy.jsonl");
    fs::copy(&path, &copy).unwrap();

    let restarted = start_with(&copy).await;
    let url = format!("{}/oauth/2.1/authorize?{}", restarted.auth_url(), request(&client, &[]));
    assert_eq!(http().get(url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn no_token_is_stored_in_plain_text() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = start_with(&path_in(&folder)).await;
    let token = token_of(&tenant, "HR");
    tenant.shutdown().await;
    for file in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!found);
    }
}

#[tokio::test]
async fn a_file_is_locked_while_a_tenant_uses_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let first = start_with(&path).await;
    let error = TenantData::open(&path).unwrap_err();
    assert!(matches!(error, DataError::InUse(_)), "{error}");
    first.shutdown().await;
    let second = TenantData::open(&path).unwrap();
    assert!(matches!(TenantData::open(&path), Err(DataError::InUse(_))));
    drop(second);
    TenantData::open(&path).unwrap();
}

#[tokio::test]
async fn opening_a_file_compacts_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let tenant = start_with(&path).await;
    let person = tenant.person_of_role("HR").unwrap().id;
    for role in ["Support", "HR", "Engineering", "Management"] {
        tenant.set_role(&person, role).unwrap();
    }
    let (kept, revoked) = (token_of(&tenant, "HR"), token_of(&tenant, "Support"));
    tenant.revoke_all(&tenant.person_of_role("Support").unwrap().id).unwrap();
    tenant.shutdown().await;
    let before = changes(&path);
    assert!(before.iter().any(|change| change.get("delete").is_some()), "{before:?}");
    drop(TenantData::open(&path).unwrap());

    let after = changes(&path);
    let kinds: Vec<_> = after.iter().map(|change| change["put"]["kind"].as_str().unwrap()).collect();
    let mut distinct = kinds.clone();
    distinct.dedup();
    assert_eq!(
        distinct,
        ["access_token", "api_key", "backend_key", "credentials", "form_key", "grant", "history", "person",]
    );
    assert_eq!(kinds.iter().filter(|kind| **kind != "history").count(), 7);
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "the temporary file was renamed");
    let tenant = start_with(&path).await;
    assert_eq!(introspect(&tenant, &kept).await["active"], true);
    assert_eq!(introspect(&tenant, &revoked).await["active"], false);
    assert_eq!(tenant.people().iter().find(|found| found.id == person).unwrap().role, "Management");
}

#[tokio::test]
async fn an_incomplete_last_line_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let tenant = start_with(&path).await;
    let token = token_of(&tenant, "HR");
    tenant.shutdown().await;
    let mut text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().count();
    text.push_str("{\"delete\":{\"kind\":\"acc");
    fs::write(&path, text).unwrap();

    let tenant = start_with(&path).await;
    assert_eq!(introspect(&tenant, &token).await["active"], true);
    token_of(&tenant, "HR");
    tenant.shutdown().await;
    // An entry of the history, a grant and a token.
    assert_eq!(changes(&path).len() + 1, lines + 3, "further changes follow the last complete line");
}

#[test]
fn a_corrupt_line_is_an_error_that_names_the_file_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let valid = "{\"put\":{\"kind\":\"person\",\"key\":\"1\",\"record\":{}}}\n";
    for corrupt in ["not JSON\n", "\n", "{\"rename\":{}}\n", "{\"put\":{\"kind\":\"person\"}}\n"] {
        let text = format!("{HEADER}{valid}{corrupt}{valid}");
        fs::write(&path, &text).unwrap();
        let error = TenantData::open(&path).unwrap_err();
        assert!(matches!(error, DataError::Corrupt { line: 3, .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("tenant.jsonl") && message.contains("line 3"), "{message}");
        assert!(message.contains("remove this line"), "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "the file is unchanged");
        // The last line, too, if it is complete.
        fs::write(&path, format!("{HEADER}{valid}{corrupt}")).unwrap();
        assert!(matches!(TenantData::open(&path), Err(DataError::Corrupt { line: 3, .. })));
    }
}

#[test]
fn files_of_other_programs_and_newer_versions_are_rejected_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for text in [
        "notes\n".repeat(200).as_str(),
        "x".repeat(2000).as_str(),
        "SQLite format 3\0",
        "{\"format\":\"other\",\"version\":1}\n",
        "{}\n",
    ] {
        fs::write(&path, text).unwrap();
        let error = TenantData::open(&path).unwrap_err();
        assert!(matches!(error, DataError::NotTenantData(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let newer = HEADER.replace('1', "2");
    fs::write(&path, &newer).unwrap();
    assert!(matches!(TenantData::open(&path), Err(DataError::Newer { version: 2, .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file was created");
    let missing = TenantData::open(folder.path().join("no/such/folder.jsonl"));
    assert!(matches!(missing, Err(DataError::Open { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    // Compaction also restricts a file that was created with other permissions.
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let _existing = start_with(&path).await;
    let _new = start_with(&folder.path().join("new.jsonl")).await;
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_a_link_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (path_in(&folder), folder.path().join("link.jsonl"));
    fs::write(&path, "").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    drop(TenantData::open(&link).unwrap());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), HEADER);
}
