//! Tests of the validator against an HTTP server on loopback.

mod api_keys;
mod authorization_server;
mod users;
mod validate;

use std::time::Duration;

use super::*;
use crate::oauth::{
    http_client::HttpLimits,
    stub::{self, Stub},
};

const CLIENT_ID: &str = "introspection-client";
const CLIENT_SECRET: &str = "introspection-hunter2";

fn propel_auth(auth_url: &str) -> PropelAuth {
    PropelAuth::new(auth_url, CLIENT_ID, CLIENT_SECRET).unwrap()
}

#[test]
fn debug_shows_no_credentials() {
    let text = format!("{:#?}", propel_auth("http://127.0.0.1:1"));
    assert!(text.contains("http://127.0.0.1:1"), "{text}");
    assert!(!text.contains(CLIENT_ID) && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_builder_sets_the_limits() {
    let auth = propel_auth("http://127.0.0.1:1");
    assert_eq!(auth.http.limits(), HttpLimits::default());
    let auth = auth.connect_timeout(Duration::from_millis(1)).timeout(Duration::from_millis(2)).max_response_bytes(3);
    let limits = HttpLimits {
        connect_timeout: Duration::from_millis(1),
        timeout: Duration::from_millis(2),
        max_response_bytes: 3,
    };
    assert_eq!(auth.http.limits(), limits);
}

#[test]
fn the_default_issuer_has_the_path() {
    let auth = propel_auth("http://127.0.0.1:1/");
    assert_eq!(auth.default_issuer().as_deref(), Some("http://127.0.0.1:1/oauth/2.1"));
}
