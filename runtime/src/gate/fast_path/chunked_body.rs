//! A response body of three chunks, so that a large cached chunk is shared instead of copied.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

/// Body of three chunks with a known total length.
pub(crate) struct ChunkedBody {
    chunks: [Bytes; 3],
    next: usize,
}

impl ChunkedBody {
    pub(crate) fn new(chunks: [Bytes; 3]) -> Self {
        Self { chunks, next: 0 }
    }

    fn remaining(&self) -> usize {
        self.chunks[self.next..].iter().map(Buf::remaining).sum()
    }
}

impl Body for ChunkedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while let Some(chunk) = self.chunks.get(self.next).cloned() {
            self.next += 1;
            if !chunk.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn chunks_are_sent_in_order_with_their_total_length() {
        let chunks = [Bytes::from_static(b"{\"id\":"), Bytes::new(), Bytes::from_static(b"7}")];
        let body = ChunkedBody::new(chunks);
        assert_eq!(body.size_hint().exact(), Some(8));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{\"id\":7}");
    }
}
