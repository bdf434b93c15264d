//! A body of several pieces that are sent one after another, so that a large one can be shared and not copied.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

/// Up to three pieces, whose length is known.
pub(crate) struct Spliced {
    pieces: [Bytes; 3],
    next: usize,
}

impl Spliced {
    pub(crate) fn new(pieces: [Bytes; 3]) -> Self {
        Self { pieces, next: 0 }
    }

    fn remaining(&self) -> usize {
        self.pieces[self.next..].iter().map(Buf::remaining).sum()
    }
}

impl Body for Spliced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while let Some(piece) = self.pieces.get(self.next).cloned() {
            self.next += 1;
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
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
    async fn the_pieces_come_in_order_and_with_their_length() {
        let pieces = [Bytes::from_static(b"{\"id\":"), Bytes::new(), Bytes::from_static(b"7}")];
        let body = Spliced::new(pieces);
        assert_eq!(body.size_hint().exact(), Some(8));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{\"id\":7}");
    }
}
