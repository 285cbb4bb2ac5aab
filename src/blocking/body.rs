//! A body of which the client may have read the beginning before the caller reads it.

use std::io::{self, Read};
use std::mem;
use std::sync::Arc;

use super::patience;
use crate::client::transport;
use crate::clock::Clock;
use api_ratelimiter_core::Time;

/// Maximum number of bytes of one read.
const CHUNK: usize = 16 * 1024;

/// A body: the part that was read, and the rest.
pub(super) struct Body {
    seen: Vec<u8>,
    rest: Rest,
}

enum Rest {
    Open(Box<dyn Read + Send + Sync>),
    Complete,
    /// The body broke off; every further read returns this error.
    Broken(io::Error),
}

/// Result of reading a body up to a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum BodyEnd {
    Complete,
    /// The body is longer than the limit.
    TooLong,
    /// The read took too long.
    Late,
}

impl Body {
    pub(super) fn new(reader: Box<dyn Read + Send + Sync>) -> Self {
        // All reads share one reader: a new decoder could not start in the middle.
        Self {
            seen: Vec::new(),
            rest: Rest::Open(reader),
        }
    }

    /// Returns the body of a response that has none.
    pub(super) fn none() -> Self {
        Self {
            seen: Vec::new(),
            rest: Rest::Complete,
        }
    }

    /// Returns the part that was read so far.
    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn into_seen(self) -> Vec<u8> {
        self.seen
    }

    /// Reads until the end or until there are more than `limit` bytes. Stops at the first read that ends after
    /// `soft`; no wait for the server lasts beyond `hard`.
    pub(super) fn fill(
        &mut self,
        clock: &Arc<dyn Clock>,
        soft: Time,
        hard: Time,
        limit: u64,
    ) -> io::Result<BodyEnd> {
        let Self { seen, rest } = self;
        let end = match rest {
            Rest::Complete => Ok(BodyEnd::Complete),
            Rest::Broken(error) => Err(mem::replace(error, again(error))),
            Rest::Open(reader) => patience::until(clock, hard, || {
                read(&mut **reader, clock, soft, limit, seen)
            }),
        };
        match &end {
            Ok(BodyEnd::Complete) => self.rest = Rest::Complete,
            Ok(BodyEnd::TooLong | BodyEnd::Late) => {}
            Err(error) => self.rest = Rest::Broken(again(error)),
        }
        // A body that an earlier call has read to its end may be longer than this limit.
        match end {
            Ok(BodyEnd::Complete) if self.seen.len() as u64 > limit => Ok(BodyEnd::TooLong),
            end => end,
        }
    }
}

/// Reads to the end, beyond the limit, or until a read ends after `soft`.
fn read(
    reader: &mut dyn Read,
    clock: &Arc<dyn Clock>,
    soft: Time,
    limit: u64,
    bytes: &mut Vec<u8>,
) -> io::Result<BodyEnd> {
    let mut chunk = [0; CHUNK];
    loop {
        if bytes.len() as u64 > limit {
            return Ok(BodyEnd::TooLong);
        }
        let count = match reader.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if count == 0 {
            return Ok(BodyEnd::Complete);
        }
        transport::keep(bytes, &chunk[..count], limit);
        // The time is checked after the read: data that had arrived in time is never left.
        if clock.now() > soft {
            return Ok(BodyEnd::Late);
        }
    }
}

/// Returns a copy of an error for the next read; the transport reports it only once.
fn again(error: &io::Error) -> io::Error {
    let is_timeout = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<ureq::Error>())
        .is_some_and(|inner| matches!(inner, ureq::Error::Timeout(_)));
    if is_timeout {
        io::Error::other(ureq::Error::Timeout(ureq::Timeout::RecvBody))
    } else {
        io::Error::new(error.kind(), error.to_string())
    }
}

/// Returns the part that was read before, then the rest.
impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.seen.is_empty() {
            let count = self.seen.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.seen[..count]);
            self.seen.drain(..count);
            return Ok(count);
        }
        let read = match &mut self.rest {
            Rest::Open(reader) => reader.read(buffer),
            Rest::Complete => Ok(0),
            Rest::Broken(error) => Err(mem::replace(error, again(error))),
        };
        // A decoder reports an error once, and its end after that.
        match &read {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.rest = Rest::Broken(again(error));
            }
            _ => {}
        }
        read
    }
}
