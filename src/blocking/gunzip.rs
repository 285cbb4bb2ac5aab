//! The decoder of the blocking client, which reads a body as it arrives.

pub(super) use of_build::decoded;

/// A build with the decoder.
#[cfg(feature = "gzip")]
mod of_build {
    use std::io::{BufReader, Read};

    use api_ratelimiter_core::coding;
    use http::response::Parts;

    use crate::client::gzip::members::Members;

    /// Number of bytes that are read from the connection at once.
    const CHUNK: usize = 16 * 1024;

    /// Returns the decoded body, if the head says that it is compressed; then the head is about the decoded
    /// body.
    pub(in crate::blocking) fn decoded<R: Read + Send + Sync + 'static>(
        head: &mut Parts,
        body: R,
    ) -> Box<dyn Read + Send + Sync> {
        if !coding::is_gzip(head.status, &head.headers) {
            return Box::new(body);
        }
        coding::forget_coding(&mut head.headers);
        Box::new(Members::Unread(BufReader::with_capacity(CHUNK, body)))
    }
}

/// A build without a decoder: every body stays as it is.
#[cfg(not(feature = "gzip"))]
mod of_build {
    use std::io::Read;

    use http::response::Parts;

    pub(in crate::blocking) fn decoded<R: Read + Send + Sync + 'static>(
        _: &mut Parts,
        body: R,
    ) -> Box<dyn Read + Send + Sync> {
        Box::new(body)
    }
}
