//! What a server said of its limits with one answer.

use std::time::Duration;

/// Limits of one server that are told apart: vendors announce one, two or three in requests.
pub(super) const MOST: usize = 4;

/// What a server said of one limit with one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// How many requests are allowed in a window, if it said so.
    pub limit: Option<u64>,
    /// How long a window is, if it said so.
    pub window: Option<Duration>,
    /// How many of them are left.
    pub remaining: u64,
    /// How soon that changes.
    pub reset_after: Duration,
}

impl Announced {
    /// Requests left per second until the reset: less is tighter.
    fn pace(&self) -> f64 {
        self.remaining as f64 / self.reset_after.as_secs_f64().max(1.0)
    }
}

/// What a server said of all its limits with one answer; nothing, if it did not speak of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnnouncedLimits(pub(super) [Option<Announced>; MOST]);

impl AnnouncedLimits {
    /// Whether it says that nothing is left and that this changes now: then it rounds down.
    pub(crate) fn is_rounded_down(&self) -> bool {
        let mut limits = self.0.iter().flatten();
        limits.any(|told| told.remaining == 0 && told.reset_after.is_zero())
    }
}

impl FromIterator<Announced> for AnnouncedLimits {
    /// Of more than can be told apart the tightest.
    fn from_iter<I: IntoIterator<Item = Announced>>(limits: I) -> Self {
        let mut told = Self::default();
        for one in limits {
            // Without a limit a place is the least tight.
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
