//! The body of a request that is being sent. It tracks the progress of the upload, which the transport does
//! not report, so that each stage has its own timeout.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use parking_lot::Mutex;

use super::timeout::timed_out;
use crate::client::settings::Timeouts;
use api_ratelimiter_core::error::TimeoutPhase;
use api_ratelimiter_core::outcome::Failure;

/// Number of bytes that are handed to the connection at once. They count as sent then.
const PIECE: usize = 64 * 1024;

/// Stage of sending a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum UploadStage {
    /// There is no connection yet.
    Connecting,
    /// The request is being written.
    Sending,
    /// The whole request was handed to the connection.
    Sent,
}

impl UploadStage {
    /// Returns how long the stage may last, and the timeout that ends it.
    fn bound(self, timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        match self {
            // Resolving and connecting, for each of which the transport has a timeout of its own.
            Self::Connecting => (timeouts.connect.saturating_mul(2), TimeoutPhase::Connect),
            Self::Sending => (timeouts.send, TimeoutPhase::Send),
            Self::Sent => (timeouts.first_byte, TimeoutPhase::FirstByte),
        }
    }
}

/// The progress of an upload, shared by the sender and the body.
#[derive(Debug)]
pub(super) struct Progress(Mutex<(UploadStage, Option<Waker>)>);

impl Progress {
    /// Records that the upload reached a stage, and wakes the sender.
    fn reached(&self, stage: UploadStage) {
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

    /// Returns the stage. `waker` is woken when it changes.
    fn look(&self, waker: &Waker) -> UploadStage {
        let (stage, waiting) = &mut *self.0.lock();
        *waiting = Some(waker.clone());
        *stage
    }

    /// Awaits `doing`, unless a stage lasts longer than it may.
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

/// The body of one attempt; all attempts of a call share its bytes.
#[derive(Debug)]
pub(super) struct Upload {
    bytes: Arc<[u8]>,
    handed_over: usize,
    progress: Arc<Progress>,
}

impl Upload {
    pub(super) fn new(bytes: Option<&Arc<[u8]>>) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress(Mutex::new((UploadStage::Connecting, None))));
        let body = Self {
            bytes: bytes.map(Arc::clone).unwrap_or_default(),
            handed_over: 0,
            progress: Arc::clone(&progress),
        };
        (body, progress)
    }

    /// Returns the bytes that were not handed over yet.
    fn left(&self) -> &[u8] {
        &self.bytes[self.handed_over..]
    }
}

impl Body for Upload {
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
            self.progress.reached(UploadStage::Sent);
        }
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    /// Records the first stage. A connection calls this when it begins with the request, and not before.
    fn is_end_stream(&self) -> bool {
        let is_empty = self.left().is_empty();
        self.progress.reached(if is_empty {
            UploadStage::Sent
        } else {
            UploadStage::Sending
        });
        is_empty
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left().len() as u64)
    }
}
