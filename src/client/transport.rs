//! What the transports of all fronts have in common.

use std::io;
use std::time::Duration;

use api_ratelimiter_core::error::TransportKind;

/// Idle connections that are kept: a pool of threads should find one each. Beyond it they are closed
/// and made anew, which costs a round trip and nothing else.
pub(crate) const MOST_IDLE_CONNECTIONS: usize = 64;

/// Reading a refused answer away stops at the first read that ends after this: a connection is not
/// worth more.
pub(crate) const DRAIN_FOR: Duration = Duration::from_secs(1);

/// What an error of a socket means.
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
