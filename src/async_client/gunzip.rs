//! The decoder of the async client, which is given the pieces of a body as they arrive.

pub(super) use of_build::Gunzip;

/// A build with the decoder.
#[cfg(feature = "gzip")]
mod of_build {
    use std::io::{self, BufRead, Read};

    use api_ratelimiter_core::coding;
    use http::{HeaderMap, StatusCode};

    use crate::client::gzip::members::Members;

    /// Number of bytes that are decoded at once.
    const CHUNK: usize = 16 * 1024;

    /// Decoder of a body whose pieces are given to it as they arrive.
    pub(in crate::async_client) struct Gunzip(Members<Arrived>);

    impl Gunzip {
        /// Returns the decoder of a body, if the head says that it is compressed; then the head is about the
        /// decoded body.
        pub(in crate::async_client) fn of(
            status: StatusCode,
            headers: &mut HeaderMap,
        ) -> Option<Self> {
            coding::is_gzip(status, headers).then(|| {
                coding::forget_coding(headers);
                Self(Members::Unread(Arrived::default()))
            })
        }

        /// Takes the next piece of the compressed body; `None` is its end. The piece before must have been
        /// decoded.
        pub(in crate::async_client) fn give(&mut self, piece: Option<impl AsRef<[u8]>>) {
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
        pub(in crate::async_client) fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
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

/// A build without a decoder: every body stays as it is.
#[cfg(not(feature = "gzip"))]
mod of_build {
    use std::io;

    use http::{HeaderMap, StatusCode};

    pub(in crate::async_client) use NoGunzip as Gunzip;

    /// A decoder that does not exist.
    pub(in crate::async_client) enum NoGunzip {}

    impl NoGunzip {
        pub(in crate::async_client) fn of(_: StatusCode, _: &mut HeaderMap) -> Option<Self> {
            None
        }

        pub(in crate::async_client) fn give(&mut self, _: Option<impl AsRef<[u8]>>) {}

        pub(in crate::async_client) fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
    }
}
