//! What goes over the wire, counted as it goes.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api_ratelimiter::{Event, Observer};

/// Requests of the whole run.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent: AtomicU64,
    refused: AtomicU64,
}

/// Requests of one thread since it last asked: those of the call it is in, which may end in an error that
/// does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) sent: u32,
    pub(crate) refused: u32,
    pub(crate) waited: Duration,
}

thread_local! {
    static OWN: Cell<Own> = const {
        Cell::new(Own { sent: 0, refused: 0, waited: Duration::ZERO })
    };
}

impl Own {
    /// What this thread did since the last time; from now on it is counted anew.
    pub(crate) fn take() -> Self {
        OWN.take()
    }
}

impl Traffic {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Observers are called on the thread that sends.
impl Observer for Traffic {
    fn on_event(&self, event: &Event) {
        let Event::Attempt {
            refused, waited, ..
        } = event
        else {
            return;
        };
        let refused = u32::from(*refused);
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.refused.fetch_add(refused.into(), Ordering::Relaxed);
        let own = OWN.get();
        OWN.set(Own {
            sent: own.sent.saturating_add(1),
            refused: own.refused.saturating_add(refused),
            waited: own.waited.saturating_add(*waited),
        });
    }
}
