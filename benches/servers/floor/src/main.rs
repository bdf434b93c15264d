//! Cost of HTTP alone: `server-floor ADDRESS DIRECTORY`.
//!
//! Responds with a recorded response of another server, in which it replaces the id: the file `call` in the directory
//! if the body contains `tools/call`, and `list` otherwise. It parses nothing, so no MCP server on axum can be faster.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Body, body::Bytes, routing::post};
use http::{HeaderValue, Response, header};
use tokio::net::TcpListener;

/// Number of digits of each request id.
const ID_DIGITS: usize = 7;

/// Recorded response, split at its id.
struct RecordedResponse {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl RecordedResponse {
    fn read(path: &str) -> std::io::Result<Self> {
        let text = std::fs::read(path)?;
        let at = find(&text, b"\"id\":").unwrap_or(0) + b"\"id\":".len();
        Ok(Self { before: text[..at].to_vec(), after: text[at + ID_DIGITS..].to_vec() })
    }

    fn with_id(&self, id: &[u8]) -> Vec<u8> {
        [&self.before, id, &self.after].concat()
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: server-floor ADDRESS DIRECTORY".into());
    };
    let address: SocketAddr = address.parse()?;
    let call = Arc::new(RecordedResponse::read(&format!("{directory}/call"))?);
    let list = Arc::new(RecordedResponse::read(&format!("{directory}/list"))?);
    let router = Router::new().route(
        "/mcp",
        post(async move |body: Bytes| {
            let at = find(&body, b"\"id\":").unwrap_or(0) + b"\"id\":".len();
            let recorded = if find(&body, b"tools/call").is_some() { &call } else { &list };
            let mut response = Response::new(Body::from(recorded.with_id(&body[at..at + ID_DIGITS])));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }),
    );
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}
