//! State in a file outlives the tenant.

use serde_json::json;
use tempfile::TempDir;
use toolgate_dev_tenant::{DataError, DevTenant, TenantConfig, TenantData};

use crate::browser::{Browser, redeem, register, request, token};
use crate::support::{introspect, token_of};

async fn start_with(folder: &TempDir) -> DevTenant {
    let data = TenantData::open(folder.path().join("tenant.db")).await.unwrap();
    DevTenant::builder(TenantConfig::sample()).data(data).start().await.unwrap()
}

#[tokio::test]
async fn clients_tokens_people_and_credentials_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_with(&folder).await;
    let client = register(&first).await;
    let answer = Browser::default().allow(&first, &request(&client, &[]), "HR").await;
    let (_, tokens) = redeem(&first, &client, &answer["code"]).await;
    let (revoked, minted) = (token_of(&first, "Support"), token_of(&first, "Engineering"));
    first.revoke_all(&first.person_of_role("Support").unwrap().id).unwrap();
    let promoted = first.person_of_role("Engineering").unwrap().id;
    first.set_role(&promoted, "Management").unwrap();
    let secret = first.introspection_client_secret().to_owned();
    first.shutdown().await;

    let second = start_with(&folder).await;
    assert_eq!(second.introspection_client_secret(), secret);
    assert_eq!(introspect(&second, &revoked).await, json!({"active": false}));
    assert_eq!(introspect(&second, &minted).await["org_role"], "Management");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", &client),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(token(&second, &refresh).await.0, 200);
    let (status, _) = redeem(&second, &client, &answer["code"]).await;
    assert_eq!(status, 400, "a code stays spent");
    second.shutdown().await;

    let third = start_with(&folder).await;
    let access = tokens["access_token"].as_str().unwrap();
    let told = introspect(&third, access).await;
    assert_eq!(told, json!({"active": false}), "the replay's revocation was kept");
}

#[tokio::test]
async fn no_token_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = start_with(&folder).await;
    let token = token_of(&tenant, "HR");
    tenant.shutdown().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!found);
    }
}

#[tokio::test]
async fn a_file_serves_one_tenant_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_with(&folder).await;
    let path = folder.path().join("tenant.db");
    let error = TenantData::open(&path).await.unwrap_err();
    assert!(error.to_string().contains("no other tenant"), "{error}");
    first.shutdown().await;
    TenantData::open(&path).await.unwrap();
}

#[tokio::test]
async fn other_files_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be mistaken for a header of one".repeat(20)).unwrap();
    let before = std::fs::read(&text).unwrap();
    assert!(TenantData::open(&text).await.is_err());
    assert_eq!(std::fs::read(&text).unwrap(), before);

    let foreign = folder.path().join("company.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&foreign).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql("CREATE TABLE employee (id)").execute(&pool).await.unwrap();
    pool.close().await;
    assert!(matches!(TenantData::open(&foreign).await, Err(DataError::NotATenants(_))));
    let missing = TenantData::open(folder.path().join("no/such/folder.db")).await;
    assert!(matches!(missing, Err(DataError::Open { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let _tenant = start_with(&folder).await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
    }
}
