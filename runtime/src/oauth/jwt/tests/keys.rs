use futures_util::future::join_all;

use super::*;
use crate::oauth::stub::{Stub, response};

/// Validator that fetches keys whenever it may.
fn eager(issuer: &TestIssuer) -> Jwt {
    let mut auth = issuer.jwt();
    auth.times.min_interval = Duration::ZERO;
    auth
}

#[tokio::test]
async fn a_flood_of_unknown_key_ids_causes_one_request() {
    let key = Key::ec("1");
    let issuer = TestIssuer::new([key.clone()]).await;
    let auth = issuer.jwt();
    assert!(validate(&auth, &key.token(&issuer.claims())).await.is_ok());
    let stranger = Key::ec("stranger");
    let claims = issuer.claims_with(&json!({"iat": 0})).to_string();
    let tokens: Vec<_> = (0..200)
        .map(|id| {
            stranger.sign(json!({"typ": "at+jwt", "alg": "ES256", "kid": format!("k{id}")}).to_string(), &claims)
        })
        .collect();
    let reasons = join_all(tokens.iter().map(|token| reason(&auth, token))).await;
    assert_eq!(reasons[7], "no key of the issuer for ES256 has the ID of the token (\"k7\")");
    assert_eq!(issuer.key_requests(), 1, "the keys are newer than the minimum interval");
    // The same without the interval: each wait shares a fetch that began after it.
    let auth = eager(&issuer);
    join_all(tokens.iter().map(|token| reason(&auth, token))).await;
    assert!(issuer.key_requests() <= 4, "{} requests", issuer.key_requests());
}

#[tokio::test]
async fn a_token_that_may_be_newer_than_the_keys_is_not_rejected_for_its_key() {
    let (old, new) = (Key::ec("old"), Key::ec("new"));
    let issuer = TestIssuer::new([old.clone()]).await;
    let auth = issuer.jwt();
    assert!(validate(&auth, &old.token(&issuer.claims())).await.is_ok());
    issuer.rotate([new.clone()]);
    let token = new.token(&issuer.claims_with(&json!({"iat": unix_now() + 2})));
    let Err(ValidationError::Unavailable(unavailable)) = validate(&auth, &token).await else {
        panic!("the token was rejected");
    };
    assert!(unavailable.retry_after.is_some_and(|after| after <= auth.times.min_interval));
    assert!(validate(&eager(&issuer), &token).await.is_ok());
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (old, new) = (Key::ec("old"), Key::ec("new"));
    let issuer = TestIssuer::new([old.clone()]).await;
    let auth = eager(&issuer);
    assert!(validate(&auth, &old.token(&issuer.claims())).await.is_ok());
    issuer.rotate([old.clone(), new.clone()]);
    assert!(validate(&auth, &new.token(&issuer.claims())).await.is_ok());
    assert!(validate(&auth, &old.token(&issuer.claims())).await.is_ok());
    assert_eq!(issuer.key_requests(), 2);
}

#[tokio::test]
async fn a_key_that_was_removed_is_not_used_after_the_next_fetch() {
    let (old, new) = (Key::ec("old"), Key::ec("new"));
    let issuer = TestIssuer::new([old.clone(), new.clone()]).await;
    let mut auth = eager(&issuer);
    assert!(validate(&auth, &old.token(&issuer.claims())).await.is_ok());
    issuer.rotate([new]);
    assert!(validate(&auth, &old.token(&issuer.claims())).await.is_ok(), "the keys are not fetched for each token");
    auth.times.refresh_after = Duration::ZERO;
    let token = old.token(&issuer.claims_with(&json!({"iat": 0})));
    assert!(reason(&auth, &token).await.starts_with("no key of the issuer"));
}

#[tokio::test]
async fn outdated_keys_are_used_during_an_outage_until_their_maximum_age() {
    let key = Key::ec("1");
    let issuer = TestIssuer::new([key.clone()]).await;
    let mut auth = eager(&issuer);
    auth.times.refresh_after = Duration::ZERO;
    let token = key.token(&issuer.claims());
    assert!(validate(&auth, &token).await.is_ok());
    issuer.stop();
    assert!(validate(&auth, &token).await.is_ok());
    // An unknown key may be a new one.
    let unknown = Key::ec("2").token(&issuer.claims_with(&json!({"iat": 0})));
    assert!(is_unavailable(&validate(&auth, &unknown).await));
    auth.times.max_age = Duration::ZERO;
    assert!(is_unavailable(&validate(&auth, &token).await));
    assert!(is_unavailable(&validate(&auth, "random-token").await));
}

#[tokio::test]
async fn without_keys_no_token_is_rejected() {
    let issuer = TestIssuer::new([Key::ec("1")]).await;
    issuer.stop();
    let auth = issuer.jwt();
    for token in ["random-token", "a.b.c", &Key::ec("1").token(&issuer.claims())] {
        assert!(is_unavailable(&validate(&auth, token).await), "{token}");
    }
    for document in [
        json!([]),
        json!({}),
        json!({"keys": {}}),
        json!({"keys": []}),
        json!({"keys": [1, "key", {}, {"kty": "RSA"}, {"kty": "unknown"}, {"kty": "oct", "k": "c2VjcmV0"}]}),
        json!({"keys": vec![Key::ec("1").jwk(); key_set::MAX_KEYS + 1]}),
    ] {
        issuer.set_keys(&document);
        assert!(is_unavailable(&validate(&issuer.jwt(), "random-token").await), "{document}");
    }
    issuer.set_keys(&json!({"keys": [{"kty": "unknown"}, Key::ec("1").jwk()]}));
    assert_eq!(reason(&issuer.jwt(), "random-token").await, "the token is not a JWT");
}

#[tokio::test]
async fn a_failed_fetch_is_not_repeated_for_each_token() {
    let stub = Stub::responding(503, "").await;
    let auth = Jwt::new(&stub.url).unwrap();
    let results = join_all((0..100).map(|_| validate(&auth, "random-token"))).await;
    assert!(results.iter().all(is_unavailable));
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_cancel_the_fetch() {
    let (release, released) = tokio::sync::watch::channel(false);
    let issuer = TestIssuer::new([Key::ec("1")]).await;
    let url = format!("{}/keys", issuer.url());
    // Responds when the test releases it.
    let proxy = axum::Router::new().fallback(move || {
        let (mut released, url) = (released.clone(), url.clone());
        async move {
            released.wait_for(|released| *released).await.unwrap();
            reqwest::get(url).await.unwrap().text().await.unwrap()
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keys = format!("http://{}/keys", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, proxy).await.unwrap() });
    let auth = Arc::new(issuer.jwt().jwks_uri(&keys).unwrap());
    let first = Arc::clone(&auth);
    let first = tokio::spawn(async move { validate(&first, "random-token").await });
    while auth.keys.refresh_is_idle() {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = Arc::clone(&auth);
    let second = tokio::spawn(async move { reason(&second, "random-token").await });
    release.send(true).unwrap();
    assert_eq!(second.await.unwrap(), "the token is not a JWT");
    assert_eq!(issuer.key_requests(), 1);
    server.abort();
}

#[tokio::test]
async fn a_key_set_that_is_too_large_or_redirects_is_not_used() {
    let large = Stub::responding(200, " ".repeat(300 * 1024)).await;
    let redirecting = Stub::new(|_| Some(response(302, &[("location", "http://127.0.0.1:1/keys")], ""))).await;
    let issuer = TestIssuer::new([Key::ec("1")]).await;
    for (stub, expected) in [(large, "larger than 262144 bytes"), (redirecting, "redirect")] {
        let auth = issuer.jwt().jwks_uri(&format!("{}/keys", stub.url)).unwrap();
        let error = validate(&auth, "random-token").await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(issuer.jwt().jwks_uri("http://keys.example.com").is_err());
}
