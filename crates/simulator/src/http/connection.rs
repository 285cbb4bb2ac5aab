//! Connections that follow a script for their responses: they write, stall, close or reset.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::fault::StopKind;
use super::script::{OutgoingResponse, Script, Step};
use super::server::InFlight;

/// One connection.
#[derive(Debug)]
pub(super) struct ScriptedConnection {
    stream: TcpStream,
    script: ScriptHandle,
    /// The stall that is in progress.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether a fault has ended the connection.
    cut: bool,
}

/// Handle by which request handlers reach the script of their connection.
#[derive(Debug, Clone, Default)]
pub(super) struct ScriptHandle(Arc<Mutex<Script<InFlight>>>);

impl ScriptHandle {
    /// Adds a response to the script.
    pub(super) fn push(&self, outgoing: OutgoingResponse<InFlight>) {
        self.0.lock().push(outgoing);
    }
}

impl ScriptedConnection {
    /// Returns a connection that follows this script.
    pub(super) const fn new(stream: TcpStream, script: ScriptHandle) -> Self {
        Self {
            stream,
            script,
            stalled: None,
            cut: false,
        }
    }

    /// Makes the next write fail, upon which the HTTP library drops the connection.
    fn cut(&mut self, reset: bool) -> io::Error {
        self.cut = true;
        if reset {
            // Closing a socket with a linger time of zero sends a reset. If it cannot be set, the
            // connection is still closed.
            let _ = self.stream.set_zero_linger();
        }
        io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")
    }
}

impl AsyncWrite for ScriptedConnection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let connection = self.get_mut();
        if connection.cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        loop {
            if let Some(sleep) = &mut connection.stalled {
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                connection.stalled = None;
            }
            // Ask the script about the bytes that are ready.
            let step = connection.script.0.lock().next(bytes);
            match step {
                Step::Write(length, in_flight) => {
                    // End the request before its last bytes are sent: a client that has its response
                    // must find it counted and its slot free.
                    if let Some(in_flight) = in_flight {
                        in_flight.finish();
                    }
                    let written = Pin::new(&mut connection.stream).poll_write(cx, &bytes[..length]);
                    if let Poll::Ready(Ok(length)) = &written {
                        connection.script.0.lock().wrote(&bytes[..*length]);
                    }
                    return written;
                }
                Step::Stop(StopKind::Stall(duration)) => {
                    connection.stalled = Some(Box::pin(tokio::time::sleep(duration)));
                }
                Step::Stop(StopKind::Close) => return Poll::Ready(Err(connection.cut(false))),
                Step::Stop(StopKind::Reset) => return Poll::Ready(Err(connection.cut(true))),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        if connection.cut {
            // An orderly close would reach the client before the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut connection.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for ScriptedConnection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}
