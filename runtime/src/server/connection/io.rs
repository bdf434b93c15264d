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
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_io_timeout::TimeoutStream;

use super::{Connection, uptime};

/// Time for which the rest of a request is read after its response, so that the client receives the response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Size of the buffer for what is read and discarded, in bytes.
const DISCARD_BUFFER: usize = 16 * 1024;

/// Stream of a connection: observes what is read and whether the client reads.
pub(super) struct ConnectionIo {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    connection: Arc<Connection>,
    /// Whether bytes wait for the client.
    unread: bool,
    /// End of the time for which the rest of the last request is read, once the response has been sent.
    linger: Option<Pin<Box<Sleep>>>,
}

impl ConnectionIo {
    pub(super) fn new(stream: TimeoutStream<TcpStream>, connection: Arc<Connection>) -> Self {
        Self { stream: Box::pin(stream), connection, unread: false, linger: None }
    }

    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() && !self.unread {
            self.unread = true;
            self.connection.unread_since.store(uptime(), Ordering::Relaxed);
        }
        written
    }
}

impl AsyncRead for ConnectionIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.stream.as_mut().poll_read(context, buffer))?;
        self.connection.received(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ConnectionIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write_vectored(context, slices);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Is called by hyper once it has written everything.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unread {
            self.unread = false;
            self.connection.unread_since.store(0, Ordering::Relaxed);
        }
        self.stream.as_mut().poll_flush(context)
    }

    /// Ends the stream of responses. If the client is still sending a body, the connection is not closed yet: the operating
    /// system would reset it, and the client would lose the response (RFC 9112, section 9.6).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, connection, linger, .. } = &mut *self;
        if linger.is_none() {
            ready!(stream.as_mut().poll_shutdown(context))?;
            if !connection.lingers.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let timer = linger.get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        while timer.as_mut().poll(context).is_pending() {
            let mut bytes = [0; DISCARD_BUFFER];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(stream.as_mut().poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
