//! Connections that follow the script of their answers: they write, close, reset or fall silent.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

use super::fault::Act;
use super::script::{Outgoing, Script, Step};
use super::server::{Server, Ticket};

/// A listener whose connections follow scripts.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) listener: TcpListener,
    pub(super) server: Arc<Server>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    script: ScriptHandle,
    stalled: Option<Pin<Box<Sleep>>>,
    cut: bool,
}

/// What request handlers hold of their connection.
#[derive(Debug, Clone, Default)]
pub(super) struct ScriptHandle(Arc<Mutex<Script<Ticket>>>);

impl ScriptHandle {
    pub(super) fn push(&self, outgoing: Outgoing<Ticket>) {
        self.0.lock().push(outgoing);
    }
}

impl Listener for Wires {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Answers are small and must not wait for one another. Without the option they are only slower.
        let _ = stream.set_nodelay(true);
        self.server.count_connection();
        let wire = Wire {
            stream,
            script: ScriptHandle::default(),
            stalled: None,
            cut: false,
        };
        (wire, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Wires>> for ScriptHandle {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().script.clone()
    }
}

impl Wire {
    /// Makes the next write fail, upon which the HTTP library drops the connection.
    fn cut(&mut self, reset: bool) -> io::Error {
        self.cut = true;
        if reset {
            // A socket that is closed while it lingers for no time at all sends a reset. If it can't
            // be set, the connection still ends here.
            let _ = self.stream.set_zero_linger();
        }
        io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        loop {
            if let Some(sleep) = &mut wire.stalled {
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                wire.stalled = None;
            }
            let step = wire.script.0.lock().next(bytes);
            match step {
                Step::Write(length, ticket) => {
                    // Before the bytes go: a client that has its answer must find it counted and its
                    // place free.
                    if let Some(ticket) = ticket {
                        ticket.finish();
                    }
                    let written = Pin::new(&mut wire.stream).poll_write(cx, &bytes[..length]);
                    if let Poll::Ready(Ok(length)) = &written {
                        wire.script.0.lock().wrote(&bytes[..*length]);
                    }
                    return written;
                }
                Step::Stop(Act::Stall(duration)) => {
                    wire.stalled = Some(Box::pin(tokio::time::sleep(duration)));
                }
                Step::Stop(Act::Close) => return Poll::Ready(Err(wire.cut(false))),
                Step::Stop(Act::Reset) => return Poll::Ready(Err(wire.cut(true))),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.cut {
            // An orderly end would reach the client before the reset does.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut wire.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}
