//! Requests through a server in one thread and without a socket: `toolgate-in-process SERVER KIND REVISION TOOLS
//! REQUESTS`. The script `benches/instructions` counts what they take.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
};
use http::Request;
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use toolgate::{
    Server,
    auth::{Claims, StaticTokens},
};
use toolgate_bench_tools::scope;
use toolgate_benches::request::{Kind, Revision, Template};
use tower::ServiceExt;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [server, kind, revision, tools, requests] = arguments[..] else {
        return Err("toolgate-in-process toolgate|rmcp|rmcp-shared KIND REVISION TOOLS REQUESTS".into());
    };
    let kinds = [Kind::Call, Kind::Refused, Kind::List, Kind::HalfList];
    let kind = kinds.into_iter().find(|known| known.name() == kind).ok_or("what KIND is that?")?;
    let revision =
        Revision::BOTH.into_iter().find(|known| known.name() == revision).ok_or("what REVISION is that?")?;
    let (tools, requests) = (tools.parse()?, requests.parse()?);
    let address: SocketAddr = "127.0.0.1:8000".parse()?;
    let mut template = Template::new(address, kind, revision, tools, server == "toolgate");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let router = runtime.block_on(async {
        let router = match server {
            "toolgate" => toolgate(address, tools, &template)?,
            #[cfg(feature = "peers")]
            "rmcp" => server_rmcp::router(tools, false).ok_or("there is no variant with so many tools")?,
            #[cfg(feature = "peers")]
            "rmcp-shared" => server_rmcp::router(tools, true).ok_or("there is no variant with so many tools")?,
            _ => return Err("what SERVER is that?".into()),
        };
        Ok::<_, Box<dyn std::error::Error>>(router)
    })?;

    // What is counted begins when every request is there, and everything is warm.
    for counted in [false, true] {
        let prepared = (0..if counted { requests } else { WARM_UP })
            .map(|_| {
                let (bytes, id) = template.next_request();
                Ok((parse(bytes)?, id))
            })
            .collect::<Result<Vec<_>>>()?;
        for (request, id) in prepared {
            let answer =
                if counted { counted_answer(&runtime, &router, request) } else { answer(&runtime, &router, request) };
            let (status, body) = answer?;
            if status != kind.status() {
                return Err(format!("{status} for {id}: {}", String::from_utf8_lossy(&body.concat())).into());
            }
            // Reading leaves its traces in the allocator, so not every answer is read.
            if id % 100 == 0 {
                template.check(id, tools, &body.concat())?;
            }
        }
    }
    Ok(())
}

const WARM_UP: usize = 200;

/// The function whose instructions are counted, with all that it calls.
#[inline(never)]
fn counted_answer(runtime: &Runtime, router: &Router, request: Request<Body>) -> Result<(u16, Vec<Bytes>)> {
    answer(runtime, router, request)
}

/// The status, and the pieces of the body as they come.
fn answer(runtime: &Runtime, router: &Router, request: Request<Body>) -> Result<(u16, Vec<Bytes>)> {
    runtime.block_on(async {
        let response = router.clone().oneshot(request).await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut pieces = Vec::with_capacity(4);
        while let Some(frame) = body.frame().await {
            pieces.extend(frame?.into_data());
        }
        Ok((status, pieces))
    })
}

/// The token of the template has every scope, or every second if the template is one of a refusal or of half a list.
fn toolgate(address: SocketAddr, tools: usize, template: &Template) -> Result<Router> {
    let all = (0..tools).map(scope);
    let scopes: Vec<_> = match template.kind {
        Kind::Refused | Kind::HalfList => all.step_by(2).collect(),
        _ => all.collect(),
    };
    let token = template.token().ok_or("no token")?;
    let claims = Claims::new().subject("somebody").client_id("bench").scopes(scopes);
    let server =
        Server::new("toolgate", server_toolgate::scopes(tools).ok_or("there is no variant with so many tools")?)
            .bind(address)
            .token_cache(|cache| cache.ttl = Some(Duration::from_secs(3600)))
            .auth(StaticTokens::new().token(token, claims))
            .build()?;
    Ok(server.into_router())
}

fn parse(bytes: &[u8]) -> Result<Request<Body>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes)? else { return Err("half a request".into()) };
    let mut builder =
        Request::builder().method(request.method.unwrap_or_default()).uri(request.path.unwrap_or_default());
    for header in request.headers {
        builder = builder.header(header.name, header.value);
    }
    Ok(builder.body(Body::from(bytes[head..].to_vec()))?)
}
