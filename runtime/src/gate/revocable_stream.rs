//! Revocable streams: SSE responses that end when the caller's access ends.
//!
//! A request is authenticated once, but its stream may stay open as long as the call runs. A stream therefore records the
//! epoch before its caller was authenticated. When that access is revoked or the token expires, nothing more is sent, and
//! the source of the stream is dropped, which cancels the call. This does not depend on the client reading.
//!
//! The access of a subscription is renewed instead of ended, if its token is still active. Until then, nothing is sent.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::Stream;
use http::Response;
use tokio::task::JoinHandle;

use super::{has_content_type, subscribe::RenewableAccess};
use crate::{auth::Access, spawn::spawn};

/// Makes a response end with its caller's access if it is a stream. Other responses are complete already.
pub(crate) fn end_with_access(response: Response<Body>, access: Access) -> Response<Body> {
    end_with(response, StreamAccess::Fixed(access))
}

/// Makes a response end with an access if it is a stream.
pub(super) fn end_with(response: Response<Body>, access: StreamAccess) -> Response<Body> {
    if !has_content_type(response.headers(), "text/event-stream") {
        return response;
    }
    response.map(|body| Body::from_stream(RevocableStream::new(body.into_data_stream(), access)))
}

/// Access that a stream needs.
#[derive(Clone)]
pub(super) enum StreamAccess {
    /// The access of the request.
    Fixed(Access),
    /// The access of a subscription.
    Renewable(Arc<RenewableAccess>),
}

/// Whether an item of a stream may be sent.
enum Permission {
    Granted,
    /// The access is being renewed.
    Pending,
    Ended,
}

impl StreamAccess {
    fn permission(&self) -> Permission {
        match self {
            Self::Fixed(access) if access.is_current() => Permission::Granted,
            Self::Renewable(access) if access.has_ended() => Permission::Ended,
            Self::Renewable(access) if access.subscriber().is_current() => Permission::Granted,
            Self::Fixed(_) => Permission::Ended,
            Self::Renewable(_) => Permission::Pending,
        }
    }

    /// Waits until the access ends. `renewed` is called whenever it was renewed.
    async fn ended(&self, renewed: impl Fn()) {
        match self {
            Self::Fixed(access) => access.ended().await,
            Self::Renewable(access) => access.ended(renewed).await,
        }
    }

    /// Logs that the access has ended an open stream.
    fn log_end(&self) {
        let access = match self {
            Self::Fixed(access) => access.clone(),
            Self::Renewable(access) => access.subscriber().access(),
        };
        tracing::info!(user = access.caller.user_id(), "response stream ended with its caller's access");
    }
}

/// A stream that ends when its access ends.
struct RevocableStream {
    source: Arc<Source>,
    access: StreamAccess,
    watcher: JoinHandle<()>,
}

/// Source of a stream and the task that waits for its next item.
struct Source(Mutex<SourceState>);

/// Everything is `None` once the stream has ended.
#[derive(Default)]
struct SourceState {
    stream: Option<BodyDataStream>,
    /// Item that is sent when the access is renewed.
    held: Option<Item>,
    waker: Option<Waker>,
}

type Item = Result<Bytes, axum::Error>;

impl RevocableStream {
    fn new(stream: BodyDataStream, access: StreamAccess) -> Self {
        let source = Arc::new(Source(Mutex::new(SourceState { stream: Some(stream), ..SourceState::default() })));
        let watcher = spawn({
            let (source, access) = (Arc::clone(&source), access.clone());
            async move {
                access.ended(|| source.wake()).await;
                source.revoke(&access);
            }
        });
        Self { source, access, watcher }
    }
}

impl Source {
    /// Ends the stream because access ended, and logs it if the stream was open.
    fn revoke(&self, access: &StreamAccess) {
        if self.end() {
            access.log_end();
        }
    }

    /// Ends the stream. Returns whether it was open.
    fn end(&self) -> bool {
        let SourceState { stream, waker, .. } =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let was_open = stream.is_some();
        drop(stream);
        if let Some(waker) = waker {
            waker.wake();
        }
        was_open
    }

    /// Wakes the task that waits for an item.
    fn wake(&self) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_next(&self, context: &mut Context<'_>, access: &StreamAccess) -> Poll<Option<Item>> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let SourceState { stream, held, waker } = &mut *guard;
        let Some(open) = stream else { return Poll::Ready(None) };
        let polled = match held.take() {
            Some(item) => Poll::Ready(Some(item)),
            None => Pin::new(open).poll_next(context),
        };
        let item = match polled {
            Poll::Ready(Some(item)) => item,
            Poll::Ready(None) => {
                *stream = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {
                *waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        };
        // An item that was produced after the revocation is not sent, even if the watcher has not run yet.
        match access.permission() {
            Permission::Granted => Poll::Ready(Some(item)),
            Permission::Pending => {
                *held = Some(item);
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            Permission::Ended => {
                drop(guard);
                self.revoke(access);
                Poll::Ready(None)
            }
        }
    }
}

impl Stream for RevocableStream {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.source.poll_next(context, &self.access)
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
