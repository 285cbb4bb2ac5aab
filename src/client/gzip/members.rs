//! The members of a gzip body, decoded one after another.

use std::io::{self, BufRead, Read};
use std::mem;

use flate2::bufread::MultiGzDecoder;

/// The members of a body.
pub(crate) enum Members<R> {
    Unread(R),
    Decoding(MultiGzDecoder<R>),
    Empty,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Self::Unread(body) = self {
            let is_empty = body.fill_buf()?.is_empty();
            // The decoder would report an empty body as truncated.
            *self = match mem::replace(self, Self::Empty) {
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
