//! Response streams end when the access that opened them does.
//!
//! A request is authenticated once, and a stream may live on for as long as its tool works. So a stream remembers the
//! moment from before its caller was authenticated: when the caller's access is revoked after it, or their token ends,
//! nothing more is sent, and what makes the stream is dropped, which cancels the tool. That does not wait for a client
//! that reads slowly or not at all.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::Stream;
use http::{HeaderMap, Response, header};
use tokio::task::JoinHandle;

use crate::auth::{Caller, Epoch, RevocationClock};

/// What a stream is allowed by.
struct Access {
    caller: Arc<Caller>,
    /// On the clock of revocations, from before the caller was authenticated.
    since: Epoch,
    revocations: Arc<RevocationClock>,
}

/// Whether the access of a caller who was authenticated after this moment has not ended since.
pub(crate) fn stands(caller: &Caller, since: Epoch, revocations: &RevocationClock) -> bool {
    !caller.is_expired(SystemTime::now()) && revocations.is_current(caller.owner(), since)
}

/// Lets the response end with the caller's access, if it is a stream. Others are complete already.
pub(crate) fn end_with_access(
    response: Response<Body>,
    caller: &Arc<Caller>,
    since: Epoch,
    revocations: &Arc<RevocationClock>,
) -> Response<Body> {
    if !is_stream(response.headers()) {
        return response;
    }
    let access = Arc::new(Access { caller: Arc::clone(caller), since, revocations: Arc::clone(revocations) });
    response.map(|body| Body::from_stream(LiveStream::new(body.into_data_stream(), access)))
}

fn is_stream(headers: &HeaderMap) -> bool {
    let essence = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    essence.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
}

impl Access {
    fn stands(&self) -> bool {
        stands(&self.caller, self.since, &self.revocations)
    }

    /// Waits until it does not stand any more.
    async fn ended(&self) {
        // Before looking: a revocation from here on is noticed.
        let mut revoked = self.revocations.subscribe();
        while self.stands() {
            let expired = async {
                match self.caller.expires_at() {
                    Some(at) => tokio::time::sleep(at.duration_since(SystemTime::now()).unwrap_or_default()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = revoked.changed() => if changed.is_err() { return },
                () = expired => {}
            }
        }
    }
}

/// A stream that somebody else can end.
struct LiveStream {
    source: Arc<Source>,
    access: Arc<Access>,
    watch: JoinHandle<()>,
}

/// What makes the stream, and who waits for it.
struct Source(Mutex<(Option<BodyDataStream>, Option<Waker>)>);

impl LiveStream {
    fn new(stream: BodyDataStream, access: Arc<Access>) -> Self {
        let source = Arc::new(Source(Mutex::new((Some(stream), None))));
        let watch = tokio::spawn({
            let (source, access) = (Arc::clone(&source), Arc::clone(&access));
            async move {
                access.ended().await;
                source.end_with(&access);
            }
        });
        Self { source, access, watch }
    }
}

impl Source {
    /// Ends it, and says so if there was something to end.
    fn end_with(&self, access: &Access) {
        if self.end() {
            tracing::info!(user = access.caller.user_id(), "a stream ended with its caller's access");
        }
    }

    /// Whether there was something to end.
    fn end(&self) -> bool {
        let (stream, waker) = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = stream.is_some();
        drop(stream);
        if let Some(waker) = waker {
            waker.wake();
        }
        ended
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (stream, waker) = &mut *guard;
        let Some(source) = stream else { return Poll::Ready(None) };
        let polled = Pin::new(source).poll_next(context);
        match &polled {
            Poll::Pending => *waker = Some(context.waker().clone()),
            Poll::Ready(None) => *stream = None,
            Poll::Ready(Some(_)) => {}
        }
        polled
    }
}

impl Stream for LiveStream {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.source.poll_next(context);
        // What came after the revocation does not leave, even if the watch has not noticed yet.
        if polled.is_ready() && !self.access.stands() {
            self.source.end_with(&self.access);
            return Poll::Ready(None);
        }
        polled
    }
}

impl Drop for LiveStream {
    fn drop(&mut self) {
        self.watch.abort();
        self.source.end();
    }
}

#[cfg(test)]
mod tests;
