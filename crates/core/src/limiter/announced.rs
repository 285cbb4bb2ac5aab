//! Limits that a response announces.

use std::time::Duration;

/// Maximum number of limits that are kept of one response. Vendors announce one, two or three in requests.
pub(super) const MOST: usize = 4;

/// One limit that a response announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Requests allowed per window, if announced.
    pub limit: Option<u64>,
    /// Length of the window, if announced.
    pub window: Option<Duration>,
    /// Requests left.
    pub remaining: u64,
    /// Time from now until the window resets.
    pub reset_after: Duration,
}

impl Announced {
    /// Returns the requests left per second until the reset. A lower number is a tighter limit.
    fn pace(&self) -> f64 {
        self.remaining as f64 / self.reset_after.as_secs_f64().max(1.0)
    }
}

/// All limits that a response announced, at most four; the tightest ones of more. Collect them from an iterator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnnouncedLimits(pub(super) [Option<Announced>; MOST]);

impl AnnouncedLimits {
    /// Returns whether the response says that nothing is left and that this changes now. A server that says so rounds
    /// its resets down.
    pub(crate) fn is_rounded_down(&self) -> bool {
        let mut limits = self.0.iter().flatten();
        limits.any(|told| told.remaining == 0 && told.reset_after.is_zero())
    }

    /// Returns these limits, where the response asks for a wait until something is left again: the reset of an
    /// exhausted limit is no later. A server that sends `Retry-After` beside a later reset means that wait
    /// (draft-ietf-httpapi-ratelimit-headers-10, section 6: Retry-After takes precedence).
    pub(super) fn exhausted_for(mut self, wait: Option<Duration>) -> Self {
        let Some(wait) = wait.filter(|wait| !wait.is_zero()) else {
            return self;
        };
        for told in self.0.iter_mut().flatten() {
            if told.remaining == 0 {
                told.reset_after = told.reset_after.min(wait);
            }
        }
        self
    }
}

impl FromIterator<Announced> for AnnouncedLimits {
    /// Keeps the tightest limits, if there are too many.
    fn from_iter<I: IntoIterator<Item = Announced>>(limits: I) -> Self {
        let mut told = Self::default();
        for one in limits {
            // An empty place counts as the loosest limit.
            let pace = |place: &Option<Announced>| place.map_or(f64::INFINITY, |it| it.pace());
            let loosest = told.0.iter_mut().rev();
            let place = loosest.max_by(|a, b| pace(a).total_cmp(&pace(b)));
            if let Some(place) = place.filter(|place| one.pace() < pace(place)) {
                *place = Some(one);
            }
        }
        told
    }
}
