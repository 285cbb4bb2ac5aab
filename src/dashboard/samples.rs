//! What the page shows: snapshots of all limiters, taken regularly, and those of the last minutes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::{Clock, SystemClock};
use crate::rate_limiter::{DynamicRateLimiter, Snapshot};

/// Time between samples: often enough to look alive, and no load.
const EVERY: Duration = Duration::from_millis(500);

/// Samples that are kept for a page that is opened later: ten minutes.
const KEPT: usize = 1200;

/// All limiters at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Sample {
    /// When, in seconds since 1970.
    pub(super) at: f64,
    pub(super) limiters: Vec<Snapshot>,
}

#[derive(Debug)]
pub(super) struct Samples {
    limiters: Vec<DynamicRateLimiter>,
    clock: SystemClock,
    /// As JSON, the oldest first.
    kept: Mutex<VecDeque<Arc<str>>>,
    newest: watch::Sender<Arc<str>>,
}

impl Samples {
    pub(super) fn new(limiters: Vec<DynamicRateLimiter>) -> Self {
        Self {
            limiters,
            clock: SystemClock::new(),
            kept: Mutex::default(),
            newest: watch::Sender::new("{}".into()),
        }
    }

    /// The state of this moment as JSON.
    pub(super) fn now(&self) -> String {
        let sample = Sample {
            at: self.clock.unix_now().as_secs_f64(),
            limiters: self
                .limiters
                .iter()
                .map(DynamicRateLimiter::snapshot)
                .collect(),
        };
        // Plain fields with string keys: serialising them into memory has no way to fail.
        serde_json::to_string(&sample).unwrap_or_default()
    }

    fn take(&self) {
        let sample: Arc<str> = self.now().into();
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&sample));
        drop(kept);
        self.newest.send_replace(sample);
    }

    /// The samples of the last minutes as a JSON list, and those to come.
    pub(super) fn follow(&self) -> (String, watch::Receiver<Arc<str>>) {
        let mut coming = self.newest.subscribe();
        // What is kept by now is in the list.
        coming.mark_unchanged();
        let kept = self.kept.lock();
        let list: Vec<&str> = kept.iter().map(AsRef::as_ref).collect();
        (format!("[{}]", list.join(",")), coming)
    }
}

/// Takes samples until the task is aborted.
pub(super) async fn take_forever(samples: Arc<Samples>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        samples.take();
    }
}
