//! Revocable streams: SSE responses that end when the caller's access ends.
//!
//! A request is authenticated once, but its stream may stay open as long as the tool works. A stream therefore records the
//! epoch before its caller was authenticated. When that access is revoked or the token expires, nothing more is sent, and
//! the source of the stream is dropped, which cancels the tool. This does not depend on the client reading.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::Stream;
use http::Response;
use tokio::task::JoinHandle;

use super::has_content_type;
use crate::auth::Access;

/// Makes a response end with its caller's access if it is a stream. Other responses are complete already.
pub(crate) fn end_with_access(response: Response<Body>, access: Access) -> Response<Body> {
    if !has_content_type(response.headers(), "text/event-stream") {
        return response;
    }
    response.map(|body| Body::from_stream(RevocableStream::new(body.into_data_stream(), access)))
}

/// A stream that ends when its access ends.
struct RevocableStream {
    source: Arc<Source>,
    access: Access,
    watcher: JoinHandle<()>,
}

/// Source of a stream and the task that waits for its next item. Both are `None` once the stream has ended.
struct Source(Mutex<(Option<BodyDataStream>, Option<Waker>)>);

impl RevocableStream {
    fn new(stream: BodyDataStream, access: Access) -> Self {
        let source = Arc::new(Source(Mutex::new((Some(stream), None))));
        let watcher = tokio::spawn({
            let (source, access) = (Arc::clone(&source), access.clone());
            async move {
                access.ended().await;
                source.revoke(&access);
            }
        });
        Self { source, access, watcher }
    }
}

impl Source {
    /// Ends the stream because access ended, and logs it if the stream was open.
    fn revoke(&self, access: &Access) {
        if self.end() {
            tracing::info!(user = access.caller.user_id(), "response stream ended with its caller's access");
        }
    }

    /// Ends the stream. Returns whether it was open.
    fn end(&self) -> bool {
        let (stream, waker) = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let was_open = stream.is_some();
        drop(stream);
        if let Some(waker) = waker {
            waker.wake();
        }
        was_open
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

impl Stream for RevocableStream {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.source.poll_next(context);
        // An item that was produced after the revocation is not sent, even if the watcher has not run yet.
        if polled.is_ready() && !self.access.is_current() {
            self.source.revoke(&self.access);
            return Poll::Ready(None);
        }
        polled
    }
}

impl Drop for RevocableStream {
    fn drop(&mut self) {
        self.watcher.abort();
        self.source.end();
    }
}

#[cfg(test)]
mod tests;
