//! Records of users and their tokens of identity providers, from an HTTP server on loopback.

use std::time::SystemTime;

use http::{Method, header};
use serde_json::{Value, json};

use super::{
    stub::{Request, response},
    *,
};
use crate::auth::{DirectoryError, Profile, ProviderToken};

const BACKEND_KEY: &str = "backend-hunter2";

fn directory(auth_url: &str) -> Arc<dyn Directory> {
    propel_auth(auth_url).backend_key(BACKEND_KEY).unwrap().directory().unwrap()
}

/// Stub whose response is that of the path, or 404.
async fn stub(responses: &[(&'static str, Value)]) -> Stub {
    let responses = responses.to_vec();
    Stub::new(move |request: &Request| {
        let found = responses.iter().find(|(path, _)| *path == request.uri.path());
        Some(match found {
            Some((_, body)) => response(200, &[], body.to_string()),
            None => response(404, &[], ""),
        })
    })
    .await
}

async fn profile(stub: &Stub) -> Result<Profile, DirectoryError> {
    directory(&stub.url).profile("u").await
}

async fn google(stub: &Stub) -> Result<ProviderToken, DirectoryError> {
    directory(&stub.url).provider_token("u", "google").await
}

fn in_an_hour() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 3600
}

const USER: &str = "/api/backend/v1/user/u";
const FRESH: &str = "/api/backend/v1/user/u/google/fresh_token";
const TOKENS: &str = "/api/backend/v1/user/u/oauth_token";

#[test]
fn there_is_no_directory_without_a_backend_key() {
    assert!(propel_auth("http://127.0.0.1:1").directory().is_none());
    for invalid in ["", " ", "a\nb"] {
        assert!(propel_auth("http://127.0.0.1:1").backend_key(invalid).is_err());
    }
}

#[tokio::test]
async fn a_profile_has_the_roles_of_all_organizations() {
    let org = json!({
        "org_id": "o", "org_name": "O", "org_metadata": {}, "user_role": "Admin",
        "inherited_user_roles_plus_current_role": ["Admin", "Member"], "user_permissions": ["p"],
        "additional_roles": ["Auditor"],
    });
    let user = json!({
        "user_id": "u", "email": "u@example.com", "first_name": "U", "last_name": null, "properties": {"team": 1},
        "org_id_to_org_info": {"o": org}, "enabled": true,
    });
    let stub = stub(&[(USER, user)]).await;
    let profile = profile(&stub).await.unwrap();
    assert_eq!((profile.email.as_deref(), profile.first_name.as_deref()), (Some("u@example.com"), Some("U")));
    assert_eq!(profile.properties["team"], 1);
    for role in ["Admin", "Member", "Auditor"] {
        assert!(profile.has_role("o", role) && !profile.has_role("p", role), "{role}");
    }
    let membership = profile.membership_in("o").unwrap();
    assert_eq!((&*membership.inherited_roles, &*membership.permissions), (&["Member".into()][..], &["p".into()][..]));
    let request = &stub.requests()[0];
    assert_eq!((&request.method, request.uri.query()), (&Method::GET, Some("include_orgs=true")));
    assert_eq!(request.headers[header::AUTHORIZATION], "Bearer backend-hunter2");
}

#[tokio::test]
async fn only_a_missing_user_is_not_found() {
    assert!(matches!(profile(&stub(&[]).await).await, Err(DirectoryError::NotFound)));
    for body in [json!([]), json!({}), json!({"user_id": "other"}), json!({"user_id": "u", "email": 1})] {
        let stub = stub(&[(USER, body.clone())]).await;
        assert!(matches!(profile(&stub).await, Err(DirectoryError::Unavailable(_))), "{body}");
    }
    for (status, expected) in [(401, "Read and Validate"), (403, "Read and Validate"), (500, "unexpected status")] {
        let stub = Stub::responding(status, "").await;
        let Err(DirectoryError::Unavailable(unavailable)) = profile(&stub).await else { panic!("{status}") };
        assert!(unavailable.reason.contains(expected), "{unavailable}");
        assert!(!unavailable.reason.contains(BACKEND_KEY), "{unavailable}");
    }
}

#[tokio::test]
async fn a_provider_token_is_fresh_or_one_that_has_not_expired() {
    let token = |expiration: Value| {
        json!({
            "access_token": "secret-token", "refresh_token": "r", "token_provider": "google",
            "token_expiration": expiration, "authorized_scopes": ["calendar"],
        })
    };
    let fresh = stub(&[(FRESH, token(json!(in_an_hour())))]).await;
    let google_token = google(&fresh).await.unwrap();
    assert_eq!(
        (google_token.expose(), google_token.granted_scopes()),
        ("secret-token", &["calendar".to_owned()][..])
    );
    assert!(google_token.expiry() > Some(SystemTime::now()));
    assert!(!format!("{google_token:?}").contains("secret-token"));
    assert_eq!(fresh.requests().len(), 1, "no other token is requested");

    let stored = stub(&[(TOKENS, json!({"google": token(Value::Null), "slack": token(json!(1))}))]).await;
    assert!(google(&stored).await.unwrap().expiry().is_none());
    for (path, body) in [(FRESH, token(json!(1))), (TOKENS, json!({"google": token(json!(1))})), (TOKENS, json!({}))]
    {
        assert!(matches!(google(&stub(&[(path, body)]).await).await, Err(DirectoryError::NotFound)));
    }
    // The records of other providers do not matter.
    for other in [json!("soon"), json!({"access_token": 1}), json!(null)] {
        let stored = stub(&[(TOKENS, json!({"google": token(Value::Null), "slack": other}))]).await;
        assert_eq!(google(&stored).await.unwrap().expose(), "secret-token");
    }
    let mut other = token(Value::Null);
    other["token_provider"] = "slack".into();
    for (path, body) in [(FRESH, other), (FRESH, json!({})), (TOKENS, json!([])), (TOKENS, json!({"google": {}}))] {
        let result = google(&stub(&[(path, body.clone())]).await).await;
        assert!(matches!(result, Err(DirectoryError::Unavailable(_))), "{body}");
    }
}
