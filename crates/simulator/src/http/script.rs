//! What is to happen to the answers on one connection while their bytes go out.
//!
//! The HTTP library writes heads and bodies into one stream of bytes. A script follows that stream, so
//! that it can be cut or stalled at an exact place and the moment is known at which an answer is whole.

use std::collections::VecDeque;

use super::fault::{Act, Place};

/// The answers that are still to be written, in the order of their requests.
///
/// `T` is a token that is given back when the last byte of its answer is about to be written.
#[derive(Debug)]
pub(super) struct Script<T>(VecDeque<Outgoing<T>>);

/// One answer on its way out.
#[derive(Debug)]
pub(super) struct Outgoing<T> {
    /// `None`: the head is through.
    head: Option<HeadScan>,
    body_left: usize,
    stop: Option<(At, Act)>,
    token: Option<T>,
}

#[derive(Debug, Clone, Copy)]
enum At {
    Start,
    /// After so many more bytes of the body.
    Body(usize),
}

/// What to do before writing on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// Write at most so many bytes; with them the answer of this token is whole.
    Write(usize, Option<T>),
    Stop(Act),
}

impl<T> Default for Script<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Outgoing<T> {
    pub(super) fn new(body_length: usize, stop: Option<(Place, Act)>, token: Option<T>) -> Self {
        let at = |place| match place {
            Place::InBody if body_length > 0 => At::Body(body_length / 2),
            Place::BeforeAnswer | Place::InBody => At::Start,
        };
        Self {
            head: Some(HeadScan::default()),
            body_left: body_length,
            stop: stop.map(|(place, act)| (at(place), act)),
            token,
        }
    }

    /// Bytes of the body that may go out before the stop, or before the end.
    fn body_allowed(&self) -> usize {
        match self.stop {
            Some((At::Body(left), _)) => left,
            _ => self.body_left,
        }
    }

    fn stops_here(&self) -> bool {
        match self.stop {
            Some((At::Start, _)) => true,
            Some((At::Body(left), _)) => left == 0 && self.head.is_none(),
            None => false,
        }
    }

    /// How many of these bytes belong to the head, and whether it ends with them.
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
    pub(super) fn push(&mut self, outgoing: Outgoing<T>) {
        self.0.push_back(outgoing);
    }

    /// What to do with bytes that are ready to be written.
    ///
    /// A stop is told once. Before it says to write, the script assumes nothing: tell
    /// [`wrote`](Self::wrote) how many went out.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Step<T> {
        let Some(front) = self.0.front_mut() else {
            return Step::Write(bytes.len(), None);
        };
        if front.stops_here() {
            if let Some((_, act)) = front.stop.take() {
                return Step::Stop(act);
            }
        }
        let (head, head_ends) = Outgoing::<T>::head_part(&mut front.head.clone(), bytes);
        let body = bytes.len() - head;
        let length = head + body.min(front.body_allowed());
        let whole = head_ends && front.stop.is_none() && body >= front.body_left;
        Step::Write(length, if whole { front.token.take() } else { None })
    }

    /// These bytes went out.
    pub(super) fn wrote(&mut self, bytes: &[u8]) {
        let Some(front) = self.0.front_mut() else {
            return;
        };
        let (head, head_ends) = Outgoing::<T>::head_part(&mut front.head, bytes);
        let body = bytes.len() - head;
        front.body_left = front.body_left.saturating_sub(body);
        if let Some((At::Body(left), _)) = &mut front.stop {
            *left = left.saturating_sub(body);
        }
        if head_ends && front.body_left == 0 {
            self.0.pop_front();
        }
    }
}

/// Looks for the empty line that ends a head, over any division into writes.
#[derive(Debug, Clone, Default)]
struct HeadScan {
    seen: usize,
    /// How many of CR LF CR LF were the last bytes.
    matched: usize,
    /// A 1xx answer (`100 Continue`) comes before the one that is meant.
    informational: bool,
}

/// Where the first digit of the status stands in `HTTP/1.1 200 OK`.
const STATUS_AT: usize = 9;

impl HeadScan {
    /// The length of the head within these bytes, if it ends there.
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
mod tests {
    use std::time::Duration;

    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    const BODY: &[u8] = b"0123456789";
    const STALL: Act = Act::Stall(Duration::from_secs(1));

    fn script(stops: &[Option<(Place, Act)>]) -> Script<usize> {
        let mut script = Script::default();
        for (index, stop) in stops.iter().enumerate() {
            script.push(Outgoing::new(BODY.len(), *stop, Some(index)));
        }
        script
    }

    /// Writes everything, in pieces of at most `piece` bytes; says what came at which byte.
    fn run(script: &mut Script<usize>, bytes: &[u8], piece: usize) -> Vec<(usize, Step<usize>)> {
        let mut events = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let ready = &bytes[at..bytes.len().min(at + piece)];
            match script.next(ready) {
                Step::Write(length, token) => {
                    assert!(length > 0, "no progress at {at}");
                    script.wrote(&ready[..length]);
                    at += length;
                    if token.is_some() {
                        events.push((at, Step::Write(0, token)));
                    }
                }
                stop @ Step::Stop(_) => {
                    let closed = stop != Step::Stop(STALL);
                    events.push((at, stop));
                    if closed {
                        break;
                    }
                }
            }
        }
        events
    }

    #[test]
    fn answers_are_told_apart_however_they_are_written() {
        let bytes = [HEAD, BODY, HEAD, BODY].concat();
        let one = HEAD.len() + BODY.len();
        for piece in 1..=bytes.len() {
            let events = run(&mut script(&[None, None]), &bytes, piece);
            assert_eq!(
                events,
                [
                    (one, Step::Write(0, Some(0))),
                    (2 * one, Step::Write(0, Some(1)))
                ]
            );
        }
    }

    #[test]
    fn a_cut_before_the_answer_lets_no_byte_of_it_through() {
        let bytes = [HEAD, BODY, HEAD, BODY].concat();
        let one = HEAD.len() + BODY.len();
        for piece in 1..=bytes.len() {
            let mut script = script(&[None, Some((Place::BeforeAnswer, Act::Reset))]);
            let events = run(&mut script, &bytes, piece);
            assert_eq!(
                events,
                [
                    (one, Step::Write(0, Some(0))),
                    (one, Step::Stop(Act::Reset))
                ]
            );
        }
    }

    #[test]
    fn a_cut_in_the_body_lets_half_of_it_through() {
        let bytes = [HEAD, BODY].concat();
        for piece in 1..=bytes.len() {
            let events = run(
                &mut script(&[Some((Place::InBody, Act::Close))]),
                &bytes,
                piece,
            );
            assert_eq!(events, [(HEAD.len() + 5, Step::Stop(Act::Close))]);
        }
    }

    #[test]
    fn a_stalled_answer_becomes_whole_in_the_end() {
        let bytes = [HEAD, BODY].concat();
        for piece in 1..=bytes.len() {
            for (place, at) in [(Place::BeforeAnswer, 0), (Place::InBody, HEAD.len() + 5)] {
                let events = run(&mut script(&[Some((place, STALL))]), &bytes, piece);
                assert_eq!(
                    events,
                    [
                        (at, Step::Stop(STALL)),
                        (bytes.len(), Step::Write(0, Some(0)))
                    ]
                );
            }
        }
    }

    #[test]
    fn an_answer_without_a_body_is_cut_before_it() {
        let mut script = Script::<()>::default();
        script.push(Outgoing::new(0, Some((Place::InBody, Act::Close)), None));
        assert_eq!(script.next(HEAD), Step::Stop(Act::Close));
    }

    #[test]
    fn an_answer_without_a_body_is_whole_after_its_head() {
        let mut script = Script::default();
        script.push(Outgoing::new(0, None, Some('a')));
        assert_eq!(script.next(HEAD), Step::Write(HEAD.len(), Some('a')));
        script.wrote(HEAD);
        assert_eq!(script.next(BODY), Step::Write(BODY.len(), None));
    }

    #[test]
    fn a_body_of_one_byte_can_be_cut_off() {
        let mut script = Script::<()>::default();
        script.push(Outgoing::new(1, Some((Place::InBody, Act::Close)), None));
        let bytes = [HEAD, b"x"].concat();
        assert_eq!(script.next(&bytes), Step::Write(HEAD.len(), None));
        script.wrote(HEAD);
        assert_eq!(script.next(b"x"), Step::Stop(Act::Close));
    }

    #[test]
    fn an_informational_answer_is_not_taken_for_the_one_that_is_meant() {
        let bytes = [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, BODY].concat();
        for piece in 1..=bytes.len() {
            let events = run(&mut script(&[None]), &bytes, piece);
            assert_eq!(events, [(bytes.len(), Step::Write(0, Some(0)))]);
        }
    }
}
