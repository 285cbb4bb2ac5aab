//! Bodies compressed with gzip: asked for and decoded in the same way by both clients.
//!
//! A gzip body is a series of members with nothing before, between or after them (RFC 1952, section 2.2). All of
//! them are decoded; anything else, such as zeros or text after the last member, is an error. An empty body is
//! empty and not truncated.

use std::io;

use api_ratelimiter_core::error::TransportKind;

pub(crate) use of_build::{Gunzip, ask, decoded};

/// Returns the kind of failure that an error of the decoder means: the compressed data ended too early, or is not
/// gzip.
pub(crate) fn kind(error: &io::Error) -> TransportKind {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => TransportKind::Closed,
        _ => TransportKind::Protocol,
    }
}

/// A build with the decoder.
#[cfg(feature = "gzip")]
mod of_build {
    use std::io::{self, BufRead, BufReader, Read};

    use api_ratelimiter_core::coding;
    use flate2::bufread::MultiGzDecoder;
    use http::{HeaderMap, StatusCode};

    /// Number of bytes that are read from the connection at once.
    const CHUNK: usize = 16 * 1024;

    /// Asks for gzip, as far as the request leaves that to the client.
    pub(crate) fn ask(headers: &mut HeaderMap) {
        coding::ask_for_gzip(headers);
    }

    /// Returns the decoded body, if the head says that it is compressed; then the head is about the decoded
    /// body.
    pub(crate) fn decoded<R: Read + Send + Sync + 'static>(
        status: StatusCode,
        headers: &mut HeaderMap,
        body: R,
    ) -> Box<dyn Read + Send + Sync> {
        if !coding::is_gzip(status, headers) {
            return Box::new(body);
        }
        coding::forget_coding(headers);
        Box::new(Members::Unread(BufReader::with_capacity(CHUNK, body)))
    }

    /// The members of a body.
    enum Members<R> {
        Unread(R),
        Decoding(MultiGzDecoder<R>),
        Empty,
    }

    impl<R: BufRead> Read for Members<R> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if let Self::Unread(body) = self {
                let is_empty = body.fill_buf()?.is_empty();
                // The decoder would report an empty body as truncated.
                *self = match std::mem::replace(self, Self::Empty) {
                    Self::Unread(body) if !is_empty => Self::Decoding(MultiGzDecoder::new(body)),
                    _ => Self::Empty,
                };
            }
            match self {
                Self::Decoding(decoder) => decoder.read(out),
                _ => Ok(0),
            }
        }
    }

    /// Decoder of a body whose pieces are given to it as they arrive.
    pub(crate) struct Gunzip(Members<Arrived>);

    impl Gunzip {
        /// Returns the decoder of a body, if the head says that it is compressed; then the head is about the
        /// decoded body.
        pub(crate) fn of(status: StatusCode, headers: &mut HeaderMap) -> Option<Self> {
            coding::is_gzip(status, headers).then(|| {
                coding::forget_coding(headers);
                Self(Members::Unread(Arrived::default()))
            })
        }

        /// Takes the next piece of the compressed body; `None` is its end. The piece before must have been
        /// decoded.
        pub(crate) fn give(&mut self, piece: Option<impl AsRef<[u8]>>) {
            let arrived = match &mut self.0 {
                Members::Unread(arrived) => arrived,
                Members::Decoding(decoder) => decoder.get_mut(),
                Members::Empty => return,
            };
            arrived.taken = 0;
            arrived.piece.clear();
            match piece {
                Some(piece) => arrived.piece.extend_from_slice(piece.as_ref()),
                None => arrived.is_all = true,
            }
        }

        /// Returns the next decoded piece, which is empty at the end; `None` if the decoder needs more of the
        /// compressed body.
        pub(crate) fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
            let mut out = vec![0; CHUNK];
            match self.0.read(&mut out) {
                Ok(length) => {
                    out.truncate(length);
                    Ok(Some(out))
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error),
            }
        }
    }

    /// The piece of a compressed body that has arrived. Without one, reading would block until the body ends.
    #[derive(Default)]
    struct Arrived {
        piece: Vec<u8>,
        taken: usize,
        is_all: bool,
    }

    impl Read for Arrived {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = self.fill_buf()?.read(out)?;
            self.consume(length);
            Ok(length)
        }
    }

    impl BufRead for Arrived {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            let left = &self.piece[self.taken..];
            if left.is_empty() && !self.is_all {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(left)
        }

        fn consume(&mut self, length: usize) {
            self.taken += length;
        }
    }
}

/// A build without a decoder: nothing is asked for, and every body stays as it is.
#[cfg(not(feature = "gzip"))]
mod of_build {
    use std::io::{self, Read};

    use http::{HeaderMap, StatusCode};

    pub(crate) fn ask(_: &mut HeaderMap) {}

    pub(crate) fn decoded<R: Read + Send + Sync + 'static>(
        _: StatusCode,
        _: &mut HeaderMap,
        body: R,
    ) -> Box<dyn Read + Send + Sync> {
        Box::new(body)
    }

    pub(crate) use NoGunzip as Gunzip;

    /// A decoder that does not exist.
    pub(crate) enum NoGunzip {}

    impl NoGunzip {
        pub(crate) fn of(_: StatusCode, _: &mut HeaderMap) -> Option<Self> {
            None
        }

        pub(crate) fn give(&mut self, _: Option<impl AsRef<[u8]>>) {}

        pub(crate) fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
    }
}
