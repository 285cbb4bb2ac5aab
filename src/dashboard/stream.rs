//! Samples as server-sent events.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::response::sse::{Event, Sse};
use futures_core::Stream;
use tokio::sync::watch;

/// Returns a stream of events: first the kept samples as the event `kept`, then each new sample as `sample`.
pub(super) fn events(
    kept: String,
    coming: watch::Receiver<Arc<str>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(SampleStream {
        kept: Some(kept),
        next: Box::pin(next(coming)),
    })
}

type Next = Pin<Box<dyn Future<Output = Option<(Arc<str>, watch::Receiver<Arc<str>>)>> + Send>>;

/// Returns the next sample. A slow reader misses some samples and gets the newest one.
async fn next(
    mut coming: watch::Receiver<Arc<str>>,
) -> Option<(Arc<str>, watch::Receiver<Arc<str>>)> {
    coming.changed().await.ok()?;
    let sample = Arc::clone(&coming.borrow_and_update());
    Some((sample, coming))
}

struct SampleStream {
    kept: Option<String>,
    next: Next,
}

impl Stream for SampleStream {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(kept) = self.kept.take() {
            return Poll::Ready(Some(Ok(Event::default().event("kept").data(kept))));
        }
        self.next.as_mut().poll(context).map(|sample| {
            let (sample, coming) = sample?;
            self.next = Box::pin(next(coming));
            Some(Ok(Event::default().event("sample").data(&*sample)))
        })
    }
}
