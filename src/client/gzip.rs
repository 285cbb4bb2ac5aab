//! Bodies compressed with gzip: asked for and decoded in the same way by both clients.
//!
//! A gzip body is a series of members with nothing before, between or after them (RFC 1952, section 2.2). All of
//! them are decoded; anything else, such as zeros or text after the last member, is an error. An empty body is
//! empty and not truncated.

#[cfg(feature = "gzip")]
pub(crate) mod members;

pub(crate) use of_build::ask;

/// A build with the decoder.
#[cfg(feature = "gzip")]
mod of_build {
    use api_ratelimiter_core::coding;
    use http::HeaderMap;

    /// Asks for gzip, as far as the request leaves that to the client.
    pub(crate) fn ask(headers: &mut HeaderMap) {
        coding::ask_for_gzip(headers);
    }
}

/// A build without a decoder: nothing is asked for.
#[cfg(not(feature = "gzip"))]
mod of_build {
    use http::HeaderMap;

    pub(crate) fn ask(_: &mut HeaderMap) {}
}
