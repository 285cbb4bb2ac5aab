//! The part of a response that an error keeps.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

pub use crate::headers::HeaderNames;

/// A response as an error keeps it: status, headers and the first 64 KiB of the body.
///
/// `Debug` shows the names of the headers and the length of the body, never their contents, which may be
/// secret. Read them by the methods.
#[derive(Clone)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Box<[u8]>,
    truncated: bool,
    retry_after: Option<Duration>,
}

/// The beginning of a body, as far as it was read.
#[derive(Clone, Default)]
pub struct BodyStart {
    /// The bytes, decoded.
    pub bytes: Vec<u8>,
    /// Whether the body goes on, or broke off, after these bytes.
    pub truncated: bool,
}

impl fmt::Debug for BodyStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStart")
            .field("bytes", &self.bytes.len())
            .field("truncated", &self.truncated)
            .finish()
    }
}

impl Reply {
    /// Most bytes of a body that are kept. This is enough for an error text of any vendor, and little
    /// enough for ten thousand failures in memory.
    pub const MOST_BODY: usize = 64 * 1024;

    /// Keeps a response of which `body` was read. `retry_after` is how long the client's reading of it
    /// says to wait.
    #[must_use]
    pub fn new(
        status: StatusCode,
        headers: HeaderMap,
        body: BodyStart,
        retry_after: Option<Duration>,
    ) -> Self {
        let BodyStart {
            bytes: mut body,
            truncated,
        } = body;
        let truncated = truncated || body.len() > Self::MOST_BODY;
        body.truncate(Self::MOST_BODY);
        Self {
            status,
            headers,
            body: body.into_boxed_slice(),
            truncated,
            retry_after,
        }
    }

    /// Returns the status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers of the response.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the beginning of the body, at most 64 KiB, decoded.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the beginning of the body as text. Bytes that are not UTF-8 are replaced by U+FFFD.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns how long to wait, counted from when the response arrived, as the client's dialect read it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns whether the body went on, or broke off, after the part that is kept.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &HeaderNames(&self.headers))
            .field("body_bytes", &self.body.len())
            .field("truncated", &self.truncated)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(bytes: Vec<u8>) -> BodyStart {
        BodyStart {
            bytes,
            truncated: false,
        }
    }

    #[test]
    fn at_most_64_kib_of_a_body_are_kept() {
        let reply = Reply::new(
            StatusCode::OK,
            HeaderMap::new(),
            body_of(vec![b'x'; 100_000]),
            None,
        );
        assert_eq!(reply.body().len(), 65_536);
        assert!(reply.is_truncated());
    }

    #[test]
    fn debug_shows_no_contents() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "set-cookie",
            "session=hunter2".parse().expect("a header value"),
        );
        let shown = format!(
            "{:?}",
            Reply::new(StatusCode::OK, headers, body_of(b"hunter2".to_vec()), None,)
        );
        assert!(
            shown.contains("set-cookie") && shown.contains("body_bytes: 7"),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
