//! Samples for the page: snapshots of all limiters, taken regularly, and those of the last minutes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::{Clock, SystemClock};
use crate::rate_limiter::{DynamicRateLimiter, Snapshot};

/// Time between samples: short enough for a live page, and long enough to cause no load.
const EVERY: Duration = Duration::from_millis(500);

/// Number of samples that are kept for a page that is opened later: those of ten minutes.
const KEPT: usize = 1200;

/// Snapshots of all limiters at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Sample {
    /// Time of the sample, in seconds since 1970.
    pub(super) at: f64,
    pub(super) limiters: Vec<Snapshot>,
}

#[derive(Debug)]
pub(super) struct Samples {
    limiters: Vec<DynamicRateLimiter>,
    clock: SystemClock,
    /// The kept samples as JSON, the oldest first.
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

    /// Returns a sample of this moment as JSON.
    pub(super) fn now(&self) -> String {
        let sample = Sample {
            at: self.clock.unix_now().as_secs_f64(),
            limiters: self
                .limiters
                .iter()
                .map(DynamicRateLimiter::snapshot)
                .collect(),
        };
        // Serializing plain fields into memory can't fail.
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

    /// Returns the samples of the last minutes as a JSON list, and a receiver of later ones.
    pub(super) fn follow(&self) -> (String, watch::Receiver<Arc<str>>) {
        let mut coming = self.newest.subscribe();
        // The list contains the newest sample already.
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
