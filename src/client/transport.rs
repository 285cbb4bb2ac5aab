//! Common constants and errors of both transports.

use std::io;
use std::time::Duration;

use api_ratelimiter_core::error::TransportKind;

/// Maximum number of idle connections that are kept: enough for each thread of a pool. Further connections
/// are closed and opened again, which costs only a round trip.
pub(crate) const MOST_IDLE_CONNECTIONS: usize = 64;

/// Time for reading the beginning of a body before a call goes on.
pub(crate) const DRAIN_FOR: Duration = Duration::from_secs(1);

/// Appends a piece of a body that is read up to `limit` bytes. The memory grows by doubling, but hardly beyond the
/// limit.
pub(crate) fn keep(bytes: &mut Vec<u8>, piece: &[u8], limit: u64) {
    let needed = bytes.len() + piece.len();
    if needed > bytes.capacity() {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let wanted = needed.max(most.min(bytes.capacity().saturating_mul(2)));
        bytes.reserve_exact(wanted - bytes.len());
    }
    bytes.extend_from_slice(piece);
}

/// Returns a body as text. Invalid UTF-8 is replaced by U+FFFD, in memory that is measured before: growing text
/// would take twice as much.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let chunks = || error.as_bytes().utf8_chunks();
        let replacement = |invalid: &[u8]| if invalid.is_empty() { "" } else { "\u{fffd}" };
        let length = chunks()
            .map(|chunk| chunk.valid().len() + replacement(chunk.invalid()).len())
            .sum();
        let mut text = String::with_capacity(length);
        for chunk in chunks() {
            text.push_str(chunk.valid());
            text.push_str(replacement(chunk.invalid()));
        }
        text
    })
}

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
