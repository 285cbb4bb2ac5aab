//! Script of the responses on one connection: where their bytes stop, and when each is complete.
//!
//! The HTTP library writes heads and bodies into one stream of bytes. The script follows that stream. It can
//! therefore cut or stall a response at an exact position, and it knows when a response is complete.

use std::collections::VecDeque;

use super::fault::{StopKind, StopPoint};

/// Responses that are still to be written, in the order of their requests.
///
/// `T` is a token that is returned when the last byte of its response is about to be written.
#[derive(Debug)]
pub(super) struct Script<T>(VecDeque<OutgoingResponse<T>>);

/// One response that is being written.
#[derive(Debug)]
pub(super) struct OutgoingResponse<T> {
    /// `None` after the head.
    head: Option<HeadScan>,
    body_left: usize,
    stop: Option<(StopAt, StopKind)>,
    token: Option<T>,
}

/// Position of a stop.
#[derive(Debug, Clone, Copy)]
enum StopAt {
    Start,
    /// After this number of further bytes of the body.
    Body(usize),
}

/// The next step of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// Write at most this number of bytes. They complete the response of the token, if there is one.
    Write(usize, Option<T>),
    /// Stall or end the connection.
    Stop(StopKind),
}

impl<T> Default for Script<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> OutgoingResponse<T> {
    /// Returns a response that is about to be written. A stop in the body happens after half of it.
    pub(super) fn new(
        body_length: usize,
        stop: Option<(StopPoint, StopKind)>,
        token: Option<T>,
    ) -> Self {
        let at = |point| match point {
            StopPoint::InBody if body_length > 0 => StopAt::Body(body_length / 2),
            StopPoint::BeforeResponse | StopPoint::InBody => StopAt::Start,
        };
        Self {
            head: Some(HeadScan::default()),
            body_left: body_length,
            stop: stop.map(|(point, kind)| (at(point), kind)),
            token,
        }
    }

    /// Returns the bytes of the body that may be written before the stop or the end.
    fn body_allowed(&self) -> usize {
        match self.stop {
            Some((StopAt::Body(left), _)) => left,
            _ => self.body_left,
        }
    }

    /// Returns whether the stop is at the current position.
    fn stops_here(&self) -> bool {
        match self.stop {
            Some((StopAt::Start, _)) => true,
            Some((StopAt::Body(left), _)) => left == 0 && self.head.is_none(),
            None => false,
        }
    }

    /// Returns the number of these bytes that belong to the head, and whether the head ends in them.
    fn head_part(head: &mut Option<HeadScan>, bytes: &[u8]) -> (usize, bool) {
        match head.as_mut().map(|scan| scan.feed(bytes)) {
            None => (0, true),
            Some(Some(length)) => {
                *head = None;
                (length, true)
            }
            Some(None) => (bytes.len(), false),
        }
    }
}

impl<T> Script<T> {
    /// Adds a response.
    pub(super) fn push(&mut self, outgoing: OutgoingResponse<T>) {
        self.0.push_back(outgoing);
    }

    /// Returns what to do with bytes that are ready to be written.
    ///
    /// Each stop is returned once. After a write, call [`wrote`](Self::wrote) with the written bytes.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Step<T> {
        let Some(front) = self.0.front_mut() else {
            return Step::Write(bytes.len(), None);
        };
        if front.stops_here() {
            if let Some((_, kind)) = front.stop.take() {
                return Step::Stop(kind);
            }
        }
        let (head, head_ends) = OutgoingResponse::<T>::head_part(&mut front.head.clone(), bytes);
        let body = bytes.len() - head;
        let length = head + body.min(front.body_allowed());
        // The response is complete if its head ends here and the rest of its body is ready.
        let whole = head_ends && front.stop.is_none() && body >= front.body_left;
        Step::Write(length, if whole { front.token.take() } else { None })
    }

    /// Records that these bytes were written.
    pub(super) fn wrote(&mut self, bytes: &[u8]) {
        let Some(front) = self.0.front_mut() else {
            return;
        };
        let (head, head_ends) = OutgoingResponse::<T>::head_part(&mut front.head, bytes);
        let body = bytes.len() - head;
        front.body_left = front.body_left.saturating_sub(body);
        if let Some((StopAt::Body(left), _)) = &mut front.stop {
            *left = left.saturating_sub(body);
        }
        if head_ends && front.body_left == 0 {
            self.0.pop_front();
        }
    }
}

/// Searches for the empty line that ends a head, across any number of writes.
#[derive(Debug, Clone, Default)]
struct HeadScan {
    /// Bytes seen so far.
    seen: usize,
    /// Number of bytes of CR LF CR LF that were matched last.
    matched: usize,
    /// Whether this is the head of an informational response (`100 Continue`), which precedes the real one.
    informational: bool,
}

/// Position of the first digit of the status in `HTTP/1.1 200 OK`.
const STATUS_AT: usize = 9;

impl HeadScan {
    /// Returns the number of these bytes that belong to the head, if it ends in them.
    fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, &byte) in bytes.iter().enumerate() {
            if self.seen == STATUS_AT {
                self.informational = byte == b'1';
            }
            self.seen += 1;
            self.matched = match (self.matched, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => self.matched + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
            if self.matched == 4 {
                if !self.informational {
                    return Some(index + 1);
                }
                *self = Self::default();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
