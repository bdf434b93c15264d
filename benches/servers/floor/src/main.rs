//! What HTTP alone costs: `server-floor ADDRESS DIRECTORY`.
//!
//! It reads the request and answers with bytes that another server gave, with the request's id in them: the file
//! `call` of the directory if the body has `tools/call` in it, and `list` otherwise. It understands nothing, so no MCP
//! server on axum can be faster.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Body, body::Bytes, routing::post};
use http::{HeaderValue, Response, header};
use tokio::net::TcpListener;

/// The length of every id that the load has.
const ID: usize = 7;

struct Answer {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Answer {
    fn read(path: &str) -> std::io::Result<Self> {
        let text = std::fs::read(path)?;
        let at = find(&text, b"\"id\":").unwrap_or(0) + b"\"id\":".len();
        Ok(Self { before: text[..at].to_vec(), after: text[at + ID..].to_vec() })
    }

    fn with(&self, id: &[u8]) -> Vec<u8> {
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
        return Err("server-floor ADDRESS DIRECTORY".into());
    };
    let address: SocketAddr = address.parse()?;
    let call = Arc::new(Answer::read(&format!("{directory}/call"))?);
    let list = Arc::new(Answer::read(&format!("{directory}/list"))?);
    let router = Router::new().route(
        "/mcp",
        post(async move |body: Bytes| {
            let at = find(&body, b"\"id\":").unwrap_or(0) + b"\"id\":".len();
            let answer = if find(&body, b"tools/call").is_some() { &call } else { &list };
            let mut response = Response::new(Body::from(answer.with(&body[at..at + ID])));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }),
    );
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}
