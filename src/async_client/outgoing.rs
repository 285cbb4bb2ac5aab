//! A request's body on its way out, which tells how far the sending has come: the transport does not.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use parking_lot::Mutex;

use super::transport::timed_out;
use crate::client::settings::Timeouts;
use api_ratelimiter_core::error::TimeoutPhase;
use api_ratelimiter_core::outcome::Failure;

/// Bytes that are handed over at once: what is handed over counts as sent.
const PIECE: usize = 64 * 1024;

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// There is no connection yet.
    Connecting,
    /// It is being written.
    Sending,
    /// All of it was handed to the connection.
    Sent,
}

impl Stage {
    /// How long it may last, and what it is called then.
    fn bound(self, timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        match self {
            // Resolving and connecting, each with its own bound inside the transport.
            Self::Connecting => (timeouts.connect.saturating_mul(2), TimeoutPhase::Connect),
            Self::Sending => (timeouts.send, TimeoutPhase::Send),
            Self::Sent => (timeouts.first_byte, TimeoutPhase::FirstByte),
        }
    }
}

/// What the sender and the body share.
#[derive(Debug)]
pub(super) struct Progress(Mutex<(Stage, Option<Waker>)>);

impl Progress {
    fn reached(&self, stage: Stage) {
        let waker = {
            let (now, waker) = &mut *self.0.lock();
            if *now == stage {
                return;
            }
            *now = stage;
            waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn look(&self, waker: &Waker) -> Stage {
        let (stage, waiting) = &mut *self.0.lock();
        *waiting = Some(waker.clone());
        *stage
    }

    /// What `doing` brings, unless a stage of it lasts longer than it may.
    pub(super) async fn watch<T>(
        &self,
        timeouts: &Timeouts,
        doing: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let mut doing = pin!(doing);
        let mut timer = None;
        poll_fn(|context| {
            if let Poll::Ready(done) = doing.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            let stage = self.look(context.waker());
            let (bound, phase) = stage.bound(timeouts);
            let alarm = match &mut timer {
                Some((of, alarm)) if *of == stage => alarm,
                timer => {
                    let alarm = Box::pin(tokio::time::sleep(bound));
                    &mut timer.insert((stage, alarm)).1
                }
            };
            alarm.as_mut().poll(context).map(|()| Err(timed_out(phase)))
        })
        .await
    }
}

/// The body; one for each attempt, over the same bytes.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Arc<[u8]>,
    handed_over: usize,
    progress: Arc<Progress>,
}

impl Outgoing {
    pub(super) fn new(bytes: Option<&Arc<[u8]>>) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress(Mutex::new((Stage::Connecting, None))));
        let body = Self {
            bytes: bytes.map(Arc::clone).unwrap_or_default(),
            handed_over: 0,
            progress: Arc::clone(&progress),
        };
        (body, progress)
    }

    fn left(&self) -> &[u8] {
        &self.bytes[self.handed_over..]
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.left();
        let piece = Bytes::copy_from_slice(&piece[..piece.len().min(PIECE)]);
        self.handed_over += piece.len();
        if self.left().is_empty() {
            self.progress.reached(Stage::Sent);
        }
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    /// A connection asks this when it takes the request up, and not before.
    fn is_end_stream(&self) -> bool {
        let is_empty = self.left().is_empty();
        self.progress.reached(if is_empty {
            Stage::Sent
        } else {
            Stage::Sending
        });
        is_empty
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left().len() as u64)
    }
}
