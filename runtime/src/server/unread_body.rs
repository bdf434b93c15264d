//! Request bodies that have not arrived when their response is ready.
//!
//! A rejected request is not read, and many clients send a head and its body separately. If the body has not arrived when
//! the response is ready, hyper closes the connection after the response (`Conn::poll_drain_or_close_read`), without
//! `Connection: close`. A client that sends its next request on this connection then gets no response. So the rest of a
//! small body is read and discarded before the response; otherwise the response says that the connection is closed, and what
//! the client still sends is read for a short time after it (`ConnectionIo::poll_shutdown`).

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

/// Maximum size of the rest of a body that is discarded, in bytes.
const MAX_DISCARDED: u16 = u16::MAX;

/// Time within which the rest of a body must arrive to be discarded.
const DISCARD_TIMEOUT: Duration = Duration::from_millis(500);

/// Place for the body of a connection's request, if it was dropped before its end. A connection has one request at a time.
#[derive(Debug, Default)]
pub(super) struct UnreadBody(Mutex<Option<Incoming>>);

impl UnreadBody {
    pub(super) fn take(&self) -> Option<Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Request body that goes to an [`UnreadBody`] if it is dropped before its end.
pub(super) struct ObservedBody<P: AsRef<UnreadBody>> {
    /// `None` only while it is dropped.
    body: Option<Incoming>,
    place: Arc<P>,
}

impl<P: AsRef<UnreadBody>> ObservedBody<P> {
    pub(super) fn new(body: Incoming, place: Arc<P>) -> Self {
        Self { body: Some(body), place }
    }
}

impl<P: AsRef<UnreadBody>> Drop for ObservedBody<P> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *(*self.place).as_ref().0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

impl<P: AsRef<UnreadBody>> Body for ObservedBody<P> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// Reads and discards the rest of a body. Returns whether it has ended, so that the connection can be used again.
pub(super) async fn discard(body: Incoming) -> bool {
    if body.size_hint().lower() > u64::from(MAX_DISCARDED) {
        return false;
    }
    let mut body = Limited::new(body, MAX_DISCARDED.into());
    let rest = async {
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return false;
            }
        }
        true
    };
    timeout(DISCARD_TIMEOUT, rest).await.unwrap_or(false)
}
