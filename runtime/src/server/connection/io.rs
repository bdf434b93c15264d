//! The stream of a connection: observes what is read and whether the client reads, and delays the end of the connection
//! until the client has the last response.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{Connection, uptime};

/// Time for which the rest of a request is read after its response, so that the client receives the response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Size of the buffer for what is read and discarded, in bytes.
const DISCARD_BUFFER: usize = 16 * 1024;

/// Stream of a connection: observes what is read and whether the client reads.
pub(super) struct ConnectionIo<S> {
    stream: S,
    connection: Arc<Connection>,
    /// Whether bytes wait for the client.
    unread: bool,
    /// End of the time for which the rest of the last request is read, once the response has been sent.
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S> ConnectionIo<S> {
    pub(super) fn new(stream: S, connection: Arc<Connection>) -> Self {
        Self { stream, connection, unread: false, linger: None }
    }

    fn written<T>(&mut self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() && !self.unread {
            self.unread = true;
            self.connection.unread_since.store(uptime(), Ordering::Relaxed);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ConnectionIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.connection.received(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ConnectionIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Is called by hyper once it has written everything.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TLS stream sends here what it has encrypted.
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() && self.unread {
            self.unread = false;
            self.connection.unread_since.store(0, Ordering::Relaxed);
        }
        self.written(flushed)
    }

    /// Ends the stream of responses. If the client is still sending a body, the connection is not closed yet: the operating
    /// system would reset it, and the client would lose the response (RFC 9112, section 9.6).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, connection, linger, .. } = &mut *self;
        if linger.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
            if !connection.lingers.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let timer = linger.get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        while timer.as_mut().poll(context).is_pending() {
            let mut bytes = [0; DISCARD_BUFFER];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
