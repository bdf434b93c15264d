//! Sends requests to a server in one thread, without a socket:
//! `toolgate-in-process SERVER KIND REVISION TOOLS REQUESTS`. The script `benches/instructions` counts the instructions of [`measured_response`].

use std::{net::SocketAddr, time::Duration};

#[cfg(feature = "peers")]
use axum::Router;
use axum::body::{Body, Bytes};
use http::Request;
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use toolgate::{
    __bench::Endpoint,
    Server,
    auth::{Claims, StaticTokens},
};
use toolgate_bench_tools::scope;
use toolgate_benches::request::{Kind, Revision, Template};
#[cfg(feature = "peers")]
use tower::ServiceExt;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What responds to the requests.
enum Service {
    Endpoint(Endpoint),
    #[cfg(feature = "peers")]
    Router(Router),
}

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [server, kind, revision, tools, requests] = arguments[..] else {
        return Err("usage: toolgate-in-process SERVER KIND REVISION TOOLS REQUESTS".into());
    };
    let kind = Kind::ALL
        .into_iter()
        .find(|candidate| candidate.name() == kind && *candidate != Kind::Cold)
        .ok_or("KIND must be a kind of benches/README.md other than cold")?;
    let revision = Revision::BOTH
        .into_iter()
        .find(|candidate| candidate.name() == revision)
        .ok_or("REVISION must be 2025-11-25 or 2026-07-28")?;
    let (tools, requests) = (tools.parse()?, requests.parse()?);
    let address: SocketAddr = "127.0.0.1:8000".parse()?;
    let mut template = Template::new(address, kind, revision, tools, server.starts_with("toolgate"));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let service = runtime.block_on(async {
        let service = match server {
            "toolgate" => Service::Endpoint(toolgate(address, tools, &template)?),
            #[cfg(feature = "production")]
            "toolgate-production" => {
                observe()?;
                Service::Endpoint(toolgate(address, tools, &template)?)
            }
            #[cfg(feature = "peers")]
            "rmcp" => Service::Router(server_rmcp::router(tools, false).ok_or("TOOLS must be 20, 100 or 500")?),
            #[cfg(feature = "peers")]
            "rmcp-shared" => Service::Router(server_rmcp::router(tools, true).ok_or("TOOLS must be 20, 100 or 500")?),
            _ => {
                return Err("SERVER must be toolgate or, with the features `production` and `peers`, \
                            toolgate-production, rmcp or rmcp-shared"
                    .into());
            }
        };
        Ok::<_, Box<dyn std::error::Error>>(service)
    })?;

    // The requests are prepared before they are sent, because preparing them is not measured.
    for measured in [false, true] {
        let prepared = (0..if measured { requests } else { WARM_UP_REQUESTS })
            .map(|_| {
                let (bytes, id) = template.next_request();
                Ok((parse(bytes)?, id))
            })
            .collect::<Result<Vec<_>>>()?;
        for (request, id) in prepared {
            let response = if measured { measured_response } else { response };
            let (status, body) = response(&runtime, &service, request)?;
            if status != kind.status() {
                let body = body.concat();
                return Err(format!("request {id}: status {status}: {}", String::from_utf8_lossy(&body)).into());
            }
            // A check changes the state of the allocator, so only some responses are checked.
            if id % 100 == 0 {
                template.check(id, tools, &body.concat())?;
            }
        }
    }
    Ok(())
}

const WARM_UP_REQUESTS: usize = 200;

/// Calls [`response`]. The script counts the instructions of this function and of the functions that it calls.
#[inline(never)]
fn measured_response(runtime: &Runtime, service: &Service, request: Request<Body>) -> Result<(u16, Vec<Bytes>)> {
    response(runtime, service, request)
}

/// Sends a request and returns the status and the body, in the chunks that the server wrote.
fn response(runtime: &Runtime, service: &Service, request: Request<Body>) -> Result<(u16, Vec<Bytes>)> {
    runtime.block_on(async {
        let response = match service {
            Service::Endpoint(endpoint) => endpoint.respond(request).await,
            #[cfg(feature = "peers")]
            Service::Router(router) => router.clone().oneshot(request).await?,
        };
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut chunks = Vec::with_capacity(4);
        while let Some(frame) = body.frame().await {
            chunks.extend(frame?.into_data());
        }
        Ok((status, chunks))
    })
}

/// Starts the log, the audit file, the traces and the metrics that the environment sets. They end with the process.
#[cfg(feature = "production")]
fn observe() -> Result<()> {
    metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let settings =
        Server::new("toolgate", server_toolgate::scopes(20).ok_or("there is no server with 20 tools")?).settings()?;
    let config = settings.config();
    std::mem::forget(toolgate::logging::init_from(&config.log, &config.audit, &config.traces)?);
    Ok(())
}

/// Creates the server. The token has all scopes, or every second scope for rejected calls and half lists.
fn toolgate(address: SocketAddr, tools: usize, template: &Template) -> Result<Endpoint> {
    let all = (0..tools).map(scope);
    let scopes: Vec<_> = match template.kind {
        Kind::Rejected | Kind::HalfList => all.step_by(2).collect(),
        _ => all.collect(),
    };
    let token = template.token().ok_or("the requests have no token")?;
    let claims = Claims::new().subject("user").client_id("bench").scopes(scopes);
    let server = Server::new("toolgate", server_toolgate::scopes(tools).ok_or("TOOLS must be 20, 100 or 500")?)
        .bind(address)
        .token_cache(|cache| cache.ttl = Some(Duration::from_secs(3600)))
        .auth(StaticTokens::new().token(token, claims))
        .build()?;
    Ok(Endpoint::of(&server))
}

/// Parses an encoded request.
fn parse(bytes: &[u8]) -> Result<Request<Body>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes)? else {
        return Err("a request is incomplete".into());
    };
    let mut builder =
        Request::builder().method(request.method.unwrap_or_default()).uri(request.path.unwrap_or_default());
    for header in request.headers {
        builder = builder.header(header.name, header.value);
    }
    Ok(builder.body(Body::from(bytes[head..].to_vec()))?)
}
