//! The number of requests that a run has sent.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use api_ratelimiter::{Event, Observer};
use parking_lot::Mutex;

use super::silent_limit::SilentLimit;

/// Counts the requests of a run, and how many of them were refused.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent: AtomicU64,
    refused: AtomicU64,
    silent_limit: Mutex<SilentLimit>,
    /// Whether the warning about it was taken.
    limit_is_said: AtomicBool,
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
        Some(backoff_flag(status, &self.backoff_statuses))
    }

    /// Returns a warning about a limit that the settings do not know, once.
    pub(crate) fn take_warning(&self) -> Option<String> {
        let flag = self.perhaps_a_limit()?;
        let is_said = self.limit_is_said.swap(true, Ordering::Relaxed);
        (!is_said).then(|| {
            format!(
                "warning: after a stretch of successes came nothing but failures of one status, perhaps a limit: {flag}"
            )
        })
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Returns the flag with which `status` is a refusal, too. It replaces the API's own statuses, so it names these.
pub(crate) fn backoff_flag(status: u16, others: &[u16]) -> String {
    let mut flag = format!("--backoff-status {status}");
    for other in others {
        let _ = write!(flag, ",{other}");
    }
    flag
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
