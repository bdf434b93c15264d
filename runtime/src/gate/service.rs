//! The gate itself: nothing behind it sees a request that it did not let through.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::Service;

use super::{
    admission::Admission,
    audit::Decision,
    envelope::Envelope,
    origin::AllowedOrigins,
    refusal::{self, Refusals},
};
use crate::{
    auth::{Authenticator, BearerToken, Caller, ValidationError},
    tool::{Refusal, Registry},
};

/// What the gate decides with.
pub(crate) struct Gate {
    pub(crate) authenticator: Authenticator,
    pub(crate) registry: Arc<Registry>,
    pub(crate) refusals: Refusals,
    pub(crate) origins: AllowedOrigins,
    /// In bytes.
    pub(crate) max_body: usize,
    /// Whether a tool that the caller may not use is answered like one that does not exist.
    pub(crate) conceal: bool,
}

impl Gate {
    /// Bearer, validator, caller, decision, and on to what is behind.
    async fn handle<S>(&self, request: Request<Body>, mut inner: S) -> Result<Response<Body>, Infallible>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let started = Instant::now();
        let (mut parts, body) = request.into_parts();
        if let Err(reason) = self.origins.check(&parts.uri, &parts.headers) {
            tracing::warn!(host = ?parts.headers.get(header::HOST), origin = ?parts.headers.get(header::ORIGIN), reason, "refused a request");
            return Ok(refusal::forbidden(reason));
        }
        let caller = match self.authenticate(&parts.headers).await {
            Ok(caller) => caller,
            Err(response) => return Ok(*response),
        };
        let body = match read(body, self.max_body).await {
            Ok(body) => body,
            Err(response) => return Ok(*response),
        };
        let envelope = if parts.method == Method::POST && is_json(&parts.headers) {
            match self.decide(&body, &caller, started) {
                Ok(envelope) => Some(envelope),
                Err(response) => return Ok(*response),
            }
        } else {
            None
        };

        // The token is not passed on to anything behind the server (MCP, Authorization).
        parts.headers.remove(header::AUTHORIZATION);
        let admission = Admission::new(caller);
        parts.extensions.insert(admission.clone());
        let response = inner.call(Request::from_parts(parts, Body::from(body.clone()))).await?;
        Ok(match envelope {
            Some(envelope) => self.amend(response, &admission, &envelope),
            None => response,
        })
    }

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Box<Response<Body>>> {
        let token = BearerToken::from_headers(headers).map_err(|error| Box::new(self.refusals.credentials(error)))?;
        self.authenticator.authenticate(&token).await.map_err(|error| {
            Box::new(match error {
                ValidationError::Inactive => self.refusals.invalid_token(),
                ValidationError::Unavailable(unavailable) => {
                    tracing::error!(reason = %unavailable, "a token could not be checked");
                    refusal::unavailable(&unavailable)
                }
            })
        })
    }

    /// Refuses a call that the token's scopes do not allow. What is let through here is decided again, from what rmcp
    /// read.
    fn decide<'a>(
        &self,
        body: &'a Bytes,
        caller: &Arc<Caller>,
        started: Instant,
    ) -> Result<Envelope<'a>, Box<Response<Body>>> {
        let envelope = Envelope::parse(body).map_err(|malformed| Box::new(refusal::malformed(&malformed)))?;
        let tool = envelope.called_tool().map_err(|malformed| Box::new(refusal::malformed(&malformed)))?;
        let Some(tool) = tool else { return Ok(envelope) };
        match self.registry.decide(&tool, caller) {
            Err(Refusal::InsufficientScope(shortfall)) if !self.conceal => {
                Decision {
                    caller,
                    request_id: envelope.request_id(),
                    tool: &tool,
                    outcome: "insufficient_scope",
                    required: &shortfall.required,
                    missing: &shortfall.missing,
                    since: started,
                }
                .record();
                Err(Box::new(self.refusals.insufficient_scope(&shortfall, envelope.request_id())))
            }
            // The handler answers these: rmcp has the last word on the order of what is wrong with a request.
            Ok(_) | Err(Refusal::Unknown | Refusal::Hidden | Refusal::InsufficientScope(_)) => Ok(envelope),
        }
    }

    /// Turns what only shows behind the gate into the status that it deserves. A stream that has begun stays as it is.
    fn amend(&self, response: Response<Body>, admission: &Admission, envelope: &Envelope<'_>) -> Response<Body> {
        if let Some(shortfall) = admission.late_refusal()
            && is_json(response.headers())
        {
            return self.refusals.insufficient_scope(shortfall, envelope.request_id());
        }
        // The request said that it is JSON, and it is: what rmcp could not read is the message.
        if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return refusal::not_a_message(envelope);
        }
        response
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Box<Response<Body>>> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Box::new(refusal::too_large(limit))),
        Err(_) => Err(Box::new(refusal::unreadable_body())),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or(value).trim())
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

/// The gate in front of a service.
pub(crate) struct GateService<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S> GateService<S> {
    pub(crate) fn new(gate: Arc<Gate>, inner: S) -> Self {
        Self { gate, inner }
    }
}

impl<S: Clone> Clone for GateService<S> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate), inner: self.inner.clone() }
    }
}

impl<S> Service<Request<Body>> for GateService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // What is behind takes requests whenever they come.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        let inner = self.inner.clone();
        Box::pin(async move { gate.handle(request, inner).await })
    }
}
