//! Why no complete response arrived.

use std::fmt;

/// The way in which a request failed below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// The host name could not be resolved.
    Resolve,
    /// No connection could be opened.
    Connect,
    /// TLS could not be set up: certificate, protocol, or no TLS feature.
    Tls,
    /// A timeout ran out.
    Timeout(TimeoutPhase),
    /// The connection was closed or reset.
    Closed,
    /// The response is not HTTP, its head is too large, or its body is not compressed as the head says.
    Protocol,
    /// The call followed ten redirects and got another one.
    TooManyRedirects,
    /// The response redirects to a URL that is not http(s), or from https to http.
    RedirectRefused,
    /// Another failure; see `source()`.
    Other,
}

/// The timeout that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutPhase {
    /// Name resolution, connecting and the TLS handshake.
    Connect,
    /// Sending the request.
    Send,
    /// Waiting for the response's head.
    FirstByte,
    /// The pause between two bytes.
    BetweenBytes,
    /// Reading a whole body.
    Body,
    /// The whole attempt: `timeout` or `deadline` of the request, or a timeout of the user's own transport.
    Attempt,
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "the host name could not be resolved",
            Self::Connect => {
                "no connection could be opened to the host, or to the proxy that the environment names"
            }
            Self::Tls => "TLS could not be set up; see the error's source, and `roots` and `tls` of the builder",
            Self::Timeout(phase) => return write!(f, "timed out {phase}"),
            Self::Closed => "the connection was closed or reset before the response was complete",
            Self::Protocol => "the response is not valid HTTP, its head is too large, or its body is not compressed as the head says",
            Self::TooManyRedirects => "more than 10 redirects",
            Self::RedirectRefused => "redirected to an address that is not http(s), or from https to http",
            Self::Other => "the request failed; see the error's source",
        })
    }
}

impl fmt::Display for TimeoutPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "while connecting",
            Self::Send => "while sending the request",
            Self::FirstByte => "while waiting for the response's head",
            Self::BetweenBytes => "between two bytes",
            Self::Body => "while reading the body",
            Self::Attempt => "at the timeout or deadline of the whole attempt",
        })
    }
}
