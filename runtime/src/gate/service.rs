//! The gate itself: nothing behind it sees a request that it did not let through.

use std::{
    borrow::Cow,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::Service;

use super::{
    admission::Admission,
    audit::{Asked, Reason},
    canonical::Recognizer,
    direct,
    dispatch::Dispatcher,
    envelope::Envelope,
    limits::{Limits, Permit},
    live,
    origin::AllowedOrigins,
    refusal::{self, Refusals},
};
use crate::{
    auth::{Authenticator, BearerToken, Caller, CredentialsError, Revocations, ValidationError},
    tool::Outcome,
};

/// What the gate decides with.
pub(crate) struct Gate {
    pub(crate) authenticator: Authenticator,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) refusals: Refusals,
    pub(crate) origins: AllowedOrigins,
    pub(crate) limits: Arc<Limits>,
    /// In bytes.
    pub(crate) max_body: usize,
    pub(crate) body_timeout: Duration,
    /// Recognizes what is beyond doubt and answered without rmcp; nothing, if nothing is.
    pub(crate) direct: Option<Recognizer>,
}

impl Gate {
    /// Bearer, validator, caller, decision, and on to what is behind.
    async fn handle<S>(&self, request: Request<Body>, mut inner: S) -> Result<Response<Body>, Infallible>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let started = Instant::now();
        let (mut parts, body) = request.into_parts();
        let trail = self.dispatcher.trail();
        let asked = Asked::by_headers(&parts.headers, started);
        if let Err(reason) = self.origins.check(&parts.uri, &parts.headers) {
            tracing::warn!(host = ?parts.headers.get(header::HOST), origin = ?parts.headers.get(header::ORIGIN), reason, "refused a request");
            trail.refused(asked, None, Reason::ForeignOrigin);
            return Ok(refusal::forbidden(reason));
        }
        // Before asking who it is, which takes time: whoever cannot be served is told so at once.
        let Ok(mut permit) = self.limits.begin() else {
            trail.count(Reason::TooManyRequests);
            return Ok(refusal::too_many_requests());
        };
        // Before asking who it is: a revocation from here on counts.
        let mut since = self.revocations.now();
        let mut caller = match self.authenticate(&parts.headers, asked, Some(&mut permit)).await {
            Ok(caller) => caller,
            Err(response) => return Ok(*response),
        };
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(response) => {
                trail.refused(asked, Some(&caller), Reason::UnreadableBody);
                return Ok(*response);
            }
        };
        // A body may take its time, and the caller's access may have ended meanwhile.
        if !live::stands(&caller, since, &self.revocations) {
            since = self.revocations.now();
            caller = match self.authenticate(&parts.headers, asked, None).await {
                Ok(caller) => caller,
                Err(response) => return Ok(*response),
            };
        }
        let envelope = if parts.method == Method::POST && is_json(&parts.headers) {
            let envelope = match Envelope::parse(&body) {
                Ok(envelope) => envelope,
                Err(malformed) => {
                    trail.refused(asked, Some(&caller), Reason::MalformedMessage);
                    return Ok(refusal::malformed(&malformed));
                }
            };
            let asked = asked.with_body(&envelope);
            if let Some(text) = envelope.bad_call() {
                trail.refused(asked, Some(&caller), Reason::MalformedMessage);
                return Ok(refusal::bad_call(&envelope, text));
            }
            let tool = envelope.called_tool();
            if let Some(response) = self.decide(asked, tool.as_deref(), &caller) {
                return Ok(response);
            }
            if let Some(recognizer) = &self.direct
                && let Some(response) = self.answer(recognizer, &parts.headers, &envelope, tool, &caller, asked).await
            {
                return Ok(permit.hold(response));
            }
            Some(envelope)
        } else {
            None
        };

        // The token is not passed on to anything behind the server (MCP, Authorization).
        parts.headers.remove(header::AUTHORIZATION);
        let admission = Admission::new(caller, started);
        parts.extensions.insert(admission.clone());
        let response = inner.call(Request::from_parts(parts, Body::from(body.clone()))).await?;
        let response = match envelope {
            Some(envelope) => self.amend(response, &admission, &envelope),
            None => response,
        };
        Ok(permit.hold(live::end_with_access(response, admission.caller(), since, &self.revocations)))
    }

    /// Who it is. With a permit, the request counts as theirs from now on.
    async fn authenticate(
        &self,
        headers: &HeaderMap,
        asked: Asked<'_>,
        permit: Option<&mut Permit>,
    ) -> Result<Arc<Caller>, Box<Response<Body>>> {
        let trail = self.dispatcher.trail();
        let token = BearerToken::from_headers(headers).map_err(|error| {
            let missing = error == CredentialsError::Missing;
            trail.refused(asked, None, if missing { Reason::MissingToken } else { Reason::MalformedToken });
            Box::new(self.refusals.credentials(error))
        })?;
        let caller = self.authenticator.authenticate(&token).await.map_err(|error| {
            Box::new(match error {
                ValidationError::Inactive => {
                    trail.refused(asked, None, Reason::InvalidToken);
                    self.refusals.invalid_token()
                }
                ValidationError::Unavailable(unavailable) => {
                    trail.refused(asked, None, Reason::TokensUnavailable);
                    tracing::error!(reason = %unavailable, "a token could not be checked");
                    refusal::unavailable(&unavailable)
                }
            })
        })?;
        if permit.is_some_and(|permit| permit.count_for(&caller, &token).is_err()) {
            trail.refused(asked, Some(&caller), Reason::TooManyRequestsOfCaller);
            return Err(Box::new(refusal::too_many_requests()));
        }
        Ok(caller)
    }

    /// Refuses a call that the token's scopes do not allow. What is let through here is decided again, from what rmcp
    /// read; and what else is wrong with it the handler answers, because rmcp has the last word on the order of errors.
    fn decide(&self, asked: Asked<'_>, tool: Option<&str>, caller: &Arc<Caller>) -> Option<Response<Body>> {
        let tool = tool?;
        let shortfall = self.dispatcher.shortfall(tool, caller)?;
        self.dispatcher.record_refusal(caller, tool, asked, Outcome::InsufficientScope, &shortfall);
        Some(self.refusals.insufficient_scope(&shortfall, asked.id))
    }

    /// Answers what is beyond doubt.
    async fn answer(
        &self,
        recognizer: &Recognizer,
        headers: &HeaderMap,
        envelope: &Envelope<'_>,
        tool: Option<Cow<'_, str>>,
        caller: &Arc<Caller>,
        asked: Asked<'_>,
    ) -> Option<Response<Body>> {
        if tool.as_deref().is_some_and(|tool| !direct::can_call(self.dispatcher.registry(), tool, caller)) {
            return None;
        }
        let canonical = recognizer.recognize(headers, envelope)?;
        direct::answer(&self.dispatcher, &self.refusals, caller, asked, canonical, tool).await
    }

    /// The whole body, unless it is too large or does not come in time.
    async fn read(&self, body: Body) -> Result<Bytes, Box<Response<Body>>> {
        let whole = Limited::new(body, self.max_body).collect();
        Err(Box::new(match tokio::time::timeout(self.body_timeout, whole).await {
            Ok(Ok(body)) => return Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => refusal::too_large(self.max_body),
            Ok(Err(_)) => refusal::unreadable_body(),
            Err(_) => refusal::body_timeout(),
        }))
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
