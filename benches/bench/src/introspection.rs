//! Introspection endpoint on loopback, and a receiver of traces that discards them: `toolgate-bench introspection RESOURCE`.
//! It prints its address, and serves until standard input ends.

use axum::{Router, body::Bytes, routing::post};
use tokio::{io::AsyncReadExt, net::TcpListener};
use toolgate_bench_tools::granted;

use crate::Result;

pub(crate) fn run(resource: &str) -> Result<()> {
    let resource = resource.to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let router = Router::new()
            .route("/v1/traces", post(async |_: Bytes| [("content-type", "application/x-protobuf")]))
            .route("/oauth/2.1/introspect", post(async move |form: String| introspect(&resource, &form)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut rest = Vec::new();
        tokio::io::stdin().read_to_end(&mut rest).await?;
        Ok(())
    })
}

fn introspect(resource: &str, form: &str) -> ([(&'static str, &'static str); 1], String) {
    let token = form.split('&').find_map(|field| field.strip_prefix("token=")).unwrap_or_default();
    let Some(scopes) = granted(token) else { return json(r#"{"active":false}"#.to_owned()) };
    json(
        serde_json::json!({
            "active": true,
            "sub": "31c41c16-c281-44ae-9602-8a047e3bf33d",
            "client_id": "b1c2d3e4f5",
            "username": "person@example.com",
            "org_id": "1189c444-8a2d-4c41-8b4b-ae43ce79a492",
            "org_role": "Member",
            "aud": resource,
            "iss": "http://127.0.0.1/oauth/2.1",
            "token_type": "access_token",
            "iat": 1_790_000_000,
            "exp": 4_000_000_000_u32,
            "scope": scopes.join(" "),
        })
        .to_string(),
    )
}

fn json(text: String) -> ([(&'static str, &'static str); 1], String) {
    ([("content-type", "application/json")], text)
}
