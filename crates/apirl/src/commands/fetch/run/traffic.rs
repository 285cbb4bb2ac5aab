//! The number of requests that a run has sent.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use api_ratelimiter::{Event, Observer};
use parking_lot::Mutex;

use super::silent_limit::SilentLimit;

/// Counts the requests of a run, and how many of them were refused.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent: AtomicU64,
    refused: AtomicU64,
    silent_limit: Mutex<SilentLimit>,
    /// Statuses of refusals.
    backoff_statuses: Vec<u16>,
}

impl Traffic {
    /// `backoff_statuses` are those that the settings count as refusals.
    pub(crate) fn of(backoff_statuses: &[u16]) -> Self {
        Self {
            backoff_statuses: backoff_statuses.to_vec(),
            ..Self::default()
        }
    }

    /// Returns the flag with which a status that is perhaps a limit's counts as a refusal.
    pub(crate) fn perhaps_a_limit(&self) -> Option<String> {
        let status = self.silent_limit.lock().suspected()?;
        // The flag replaces the API's own statuses.
        let mut flag = format!("--backoff-status {status}");
        for other in &self.backoff_statuses {
            let _ = write!(flag, ",{other}");
        }
        Some(flag)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Observer for Traffic {
    fn on_event(&self, event: &Event) {
        if let Event::Attempt {
            refused, status, ..
        } = event
        {
            self.sent.fetch_add(1, Ordering::Relaxed);
            self.refused
                .fetch_add(u64::from(*refused), Ordering::Relaxed);
            if let Some(status) = status.filter(|_| !refused) {
                self.silent_limit.lock().note(status);
            }
        }
    }
}
