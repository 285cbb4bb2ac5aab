//! Constants and errors that both transports share.

use std::io;
use std::time::Duration;

use api_ratelimiter_core::error::TransportKind;

/// Idle connections that are kept: a pool of threads should find one each. Beyond it they are closed
/// and made anew, which costs a round trip and nothing else.
pub(crate) const MOST_IDLE_CONNECTIONS: usize = 64;

/// Time for reading the beginning of a body before a call goes on.
pub(crate) const DRAIN_FOR: Duration = Duration::from_secs(1);

/// Returns the kind of failure that an error of a socket is.
pub(crate) fn io_kind(error: &io::Error) -> TransportKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => TransportKind::Connect,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => TransportKind::Closed,
        // rustls reports what is wrong with a peer's TLS as invalid data.
        io::ErrorKind::InvalidData => TransportKind::Tls,
        _ => TransportKind::Other,
    }
}
