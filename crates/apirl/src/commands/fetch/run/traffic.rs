//! The number of requests that a run has sent.

use std::sync::atomic::{AtomicU64, Ordering};

use api_ratelimiter::{Event, Observer};

/// Counts the requests of a run, and how many of them were refused.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent: AtomicU64,
    refused: AtomicU64,
}

impl Traffic {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Observer for Traffic {
    fn on_event(&self, event: &Event) {
        if let Event::Attempt { refused, .. } = event {
            self.sent.fetch_add(1, Ordering::Relaxed);
            self.refused
                .fetch_add(u64::from(*refused), Ordering::Relaxed);
        }
    }
}
