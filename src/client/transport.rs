//! Common constants and errors of both transports.

use std::io;
use std::time::Duration;

use api_ratelimiter_core::error::TransportKind;

/// Maximum number of idle connections that are kept: enough for each thread of a pool. Further connections
/// are closed and opened again, which costs only a round trip.
pub(crate) const MOST_IDLE_CONNECTIONS: usize = 64;

/// Time for reading the beginning of a body before a call goes on.
pub(crate) const DRAIN_FOR: Duration = Duration::from_secs(1);

/// Returns the kind of failure that an error of a socket means.
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
        // rustls reports errors in a peer's TLS as invalid data.
        io::ErrorKind::InvalidData => TransportKind::Tls,
        _ => TransportKind::Other,
    }
}
