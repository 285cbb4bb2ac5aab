//! Connections of the page: few, and none of them for ever. The job's own connections come first.

use std::fs;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Sleep;

/// Bounds of the connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionBounds {
    /// Maximum number of open connections. Further ones are closed at once.
    pub(super) most: usize,
    /// Longest time until the head of a request is complete, from the last response on: an idle connection is closed,
    /// too.
    pub(super) head: Duration,
    /// Longest time in which a reader takes nothing of a response.
    pub(super) stalled: Duration,
}

impl ConnectionBounds {
    /// Returns the bounds for a page in this process, beside a job.
    pub(super) fn of_a_page() -> Self {
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Self {
            most: most(descriptors(&limits)),
            head: Duration::from_secs(10),
            stalled: Duration::from_secs(30),
        }
    }
}

/// Maximum number of connections: the page of a job has few readers.
const MOST: usize = 64;

/// Part of the process's descriptors that the page may use; the job needs the others.
const SHARE: usize = 8;

/// Returns the maximum number of connections in a process that may open this many descriptors; `None` is unknown or
/// unlimited.
fn most(descriptors: Option<usize>) -> usize {
    descriptors.map_or(MOST, |descriptors| (descriptors / SHARE).clamp(1, MOST))
}

/// Reads the number of descriptors that a process may open from its limits as Linux shows them (proc_pid_limits(5)).
fn descriptors(limits: &str) -> Option<usize> {
    let mut lines = limits.lines();
    let line = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Pause after an error of `accept`, which comes of missing descriptors or memory: the job needs them more.
const PAUSE: Duration = Duration::from_secs(1);

/// Maximum size of a request's head in bytes. Browsers send less than a kilobyte to this page.
const LARGEST_HEAD: usize = 32 * 1024;

/// Serves the page until the future is dropped.
pub(super) async fn serve(listener: TcpListener, page: Router, bounds: ConnectionBounds) {
    let places = Arc::new(Semaphore::new(bounds.most));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_of_the_client(&error) => continue,
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let page = page.clone();
        tokio::spawn(async move {
            // An error ends only this connection.
            let _ = connection(stream, page, bounds).await;
            drop(place);
        });
    }
}

/// Returns whether an error of `accept` concerns only the connection that was about to be accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn connection(
    stream: TcpStream,
    page: Router,
    bounds: ConnectionBounds,
) -> hyper::Result<()> {
    let stream = ImpatientStream {
        stream,
        stalled: bounds.stalled,
        until: None,
    };
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(page))
        .await
}

/// A stream whose writes fail if the reader takes nothing for a while.
#[derive(Debug)]
struct ImpatientStream {
    stream: TcpStream,
    stalled: Duration,
    /// End of the current stall.
    until: Option<Pin<Box<Sleep>>>,
}

impl ImpatientStream {
    /// Passes on what an operation has done, or fails if it has been pending for too long.
    fn bounded<T>(
        &mut self,
        done: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.until = None;
            return done;
        }
        let stalled = self.stalled;
        let until = self
            .until
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(stalled)));
        until
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for ImpatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The time of a head is limited as a whole; between two requests a reader of events sends nothing.
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ImpatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.bounded(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::runtime::Builder;
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);

    /// Bound that only detects a hang.
    const HANG: Duration = Duration::from_secs(30);

    /// Runs a test beside a page with at most 8 connections, which end after a short time.
    fn beside_a_page<F: Future<Output = ()>>(test: impl FnOnce(SocketAddr) -> F) {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let page = Router::new()
                .route("/", get(|| async { "the page" }))
                .route("/long", get(|| async { vec![b'x'; 64 << 20] }));
            let bounds = ConnectionBounds {
                most: 8,
                head: SHORT,
                stalled: SHORT,
            };
            let server = tokio::spawn(serve(listener, page, bounds));
            timeout(HANG, test(address)).await.expect("no hang");
            server.abort();
        });
    }

    async fn connected(address: SocketAddr, sent: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        // A connection above the maximum may be closed already.
        let _ = stream.write_all(sent).await;
        stream
    }

    /// Returns what the server sends until it closes the connection.
    async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
        let mut read = Vec::new();
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut read).await;
        read
    }

    const WHOLE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    /// Returns whether a reader gets the page in the end.
    async fn is_served(address: SocketAddr) -> bool {
        for _ in 0..100 {
            let answer = read_to_end(&mut connected(address, WHOLE).await).await;
            if answer.ends_with(b"the page") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    #[test]
    fn a_page_takes_an_eighth_of_the_descriptors_at_most() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max file locks            unlimited            unlimited            locks     \n\
                      Max open files            256                  4096                 files     \n";
        assert_eq!(descriptors(limits), Some(256));
        assert_eq!(most(descriptors(limits)), 32);
        assert_eq!(most(descriptors(&limits.replace("256 ", "unlimited "))), 64);
        assert_eq!(most(descriptors("")), 64);
        assert_eq!(most(Some(1 << 20)), 64);
        assert_eq!(most(Some(5)), 1);
    }

    #[test]
    fn half_requests_and_idle_connections_end_and_a_reader_is_served() {
        beside_a_page(|address| async move {
            let mut held = Vec::new();
            for number in 0..200 {
                let sent: &[u8] = match number % 3 {
                    0 => b"GET / HTTP/1.1\r\nHost: loc",
                    1 => b"",
                    // A whole request, after which the connection stays idle.
                    _ => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                };
                held.push(connected(address, sent).await);
            }
            assert!(is_served(address).await);
            for mut stream in held {
                read_to_end(&mut stream).await;
            }
        });
    }

    #[test]
    fn a_head_that_drips_ends_in_time() {
        beside_a_page(|address| async move {
            let mut dripping = connected(address, b"GET / HTTP/1.1\r\nX: ").await;
            // Each byte comes long before the limit.
            while dripping.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        });
    }

    #[test]
    fn a_reader_that_takes_nothing_of_its_response_is_cut_off() {
        beside_a_page(|address| async move {
            let request = b"GET /long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            let mut stalled = Vec::new();
            for _ in 0..8 {
                stalled.push(connected(address, request).await);
            }
            // They hold all places until they are cut off.
            assert!(is_served(address).await);
            drop(stalled);
        });
    }
}
