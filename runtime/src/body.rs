//! Bodies: reading a request body into one buffer with limits on its size and its time, and response bodies that hold a
//! value.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use thiserror::Error;

/// Reason why a request body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than the limit")]
    TooLarge,
    #[error("the body did not arrive in time")]
    Timeout,
    #[error("the body ended early or is malformed")]
    Incomplete,
}

/// Reads a body of at most `limit` bytes, which must arrive within `timeout`.
///
/// A body that arrives in one frame is returned without a copy. Other frames are copied into one buffer, whose capacity
/// is at most twice what has arrived: a frame can be a single byte that keeps a whole read buffer in memory, and an
/// announced length costs the client nothing. A body whose announced length is above the limit is not read.
pub(crate) async fn read_body<B>(body: B, limit: usize, timeout: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > limit) {
        return Err(BodyError::TooLarge);
    }
    let mut read = pin!(read_frames(body, limit));
    // Most bodies have arrived with their head, and need no timer.
    if let Some(result) = read.as_mut().now_or_never() {
        return result;
    }
    tokio::time::timeout(timeout, read).await.unwrap_or(Err(BodyError::Timeout))
}

async fn read_frames<B>(mut body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut buffer = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are ignored.
        let Ok(data) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else { continue };
        if data.len() > limit - buffer.len() {
            return Err(BodyError::TooLarge);
        }
        if buffer.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        buffer.extend_from_slice(&data);
    }
    Ok(buffer.freeze())
}

/// Response body that drops a value when it has been sent or dropped.
#[derive(Debug)]
pub(crate) struct GuardedBody<G> {
    body: axum::body::Body,
    _guard: G,
}

impl<G> GuardedBody<G> {
    pub(crate) fn new(body: axum::body::Body, guard: G) -> Self {
        Self { body, _guard: guard }
    }
}

impl<G: Unpin> Body for GuardedBody<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, stream};
    use http_body_util::{Full, StreamBody};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn frames(frames: impl IntoIterator<Item = Bytes>) -> impl Body<Data = Bytes> + Unpin {
        let frames: Vec<_> = frames.into_iter().map(|data| Ok::<_, Infallible>(Frame::data(data))).collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn one_frame_is_returned_without_a_copy() {
        let data = Bytes::from_static(b"a body");
        let read = read_body(Full::new(data.clone()), 6, TIMEOUT).await.unwrap();
        assert_eq!((read.as_ptr(), read.len()), (data.as_ptr(), 6));
    }

    #[tokio::test]
    async fn frames_of_one_byte_are_copied_into_one_buffer() {
        let single = Bytes::from(vec![b'x'; 64 * 1024]);
        let body = frames((0..10_000).map(|at| single.slice(at..=at)));
        let read = read_body(body, 10_000, TIMEOUT).await.unwrap();
        assert_eq!(read.len(), 10_000);
        let capacity = read.try_into_mut().unwrap().capacity();
        assert!(capacity <= 20_000, "the buffer of 10,000 bytes has a capacity of {capacity}");
    }

    #[tokio::test]
    async fn a_body_at_the_limit_is_read_and_a_larger_one_is_not() {
        let chunk = Bytes::from_static(b"12345");
        assert_eq!(read_body(frames(vec![chunk.clone(); 2]), 10, TIMEOUT).await.unwrap(), "1234512345");
        assert_eq!(read_body(frames(vec![chunk.clone(); 3]), 14, TIMEOUT).await, Err(BodyError::TooLarge));
        assert_eq!(read_body(Full::new(chunk), 4, TIMEOUT).await, Err(BodyError::TooLarge));
        assert_eq!(read_body(frames([]), 0, TIMEOUT).await.unwrap(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_in_time_is_a_timeout() {
        let endless = stream::once(async { Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))) });
        let body = StreamBody::new(Box::pin(endless.chain(stream::pending())));
        assert_eq!(read_body(body, 10, TIMEOUT).await, Err(BodyError::Timeout));
    }

    #[tokio::test]
    async fn a_body_that_fails_is_incomplete() {
        let body = StreamBody::new(stream::iter([Ok(Frame::data(Bytes::from_static(b"x"))), Err("reset")]));
        assert_eq!(read_body(body, 10, TIMEOUT).await, Err(BodyError::Incomplete));
    }
}
