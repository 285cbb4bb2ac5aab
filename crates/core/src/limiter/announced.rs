//! Limits that a response announces.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hash::Fnv64;

/// Maximum number of limits that are kept of one response. Vendors announce one, two or three in requests.
pub(super) const MOST: usize = 4;

/// A server's name for a limit, kept as a hash: names are compared and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LimitName(u64);

impl LimitName {
    /// Returns what stands for this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(Fnv64::of(name.as_bytes()).value())
    }

    /// Returns the hash.
    pub(super) const fn value(self) -> u64 {
        self.0
    }
}

/// One limit that a response announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The server's name for it, if it has one.
    pub name: Option<LimitName>,
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
pub struct AnnouncedLimits {
    limits: [Option<Announced>; MOST],
    bucket: Option<LimitName>,
    /// Whether what the response announced is about another limit.
    elsewhere: bool,
    /// Whether the pause of the response is the reset of one of them, and nothing that it asks for.
    pauses_by_reset: bool,
}

impl AnnouncedLimits {
    /// Sets the server's name for all of them together.
    #[must_use]
    pub fn in_bucket(self, bucket: Option<LimitName>) -> Self {
        Self { bucket, ..self }
    }

    /// Says that the pause of the refusal is the reset of one of these limits: the response itself asks for none. What
    /// is known of the limit may then be more exact.
    #[must_use]
    pub fn pausing_by_reset(self, pauses_by_reset: bool) -> Self {
        Self {
            pauses_by_reset,
            ..self
        }
    }

    /// Returns whether the pause of the refusal is the reset of one of these limits.
    pub(crate) fn pauses_by_reset(&self) -> bool {
        self.pauses_by_reset
    }

    /// Returns what a limiter is told of a response that is about another limit.
    pub(super) fn told_elsewhere() -> Self {
        Self {
            elsewhere: true,
            ..Self::default()
        }
    }

    /// Returns whether the response is about this limit and announced nothing.
    pub(super) fn is_silent(&self) -> bool {
        self.is_empty() && !self.elsewhere
    }

    /// Returns the server's name for all of them together.
    pub(super) fn bucket(&self) -> Option<LimitName> {
        self.bucket
    }

    /// Returns the name of all of them together, else the names of each.
    pub(super) fn names(&self) -> Vec<LimitName> {
        match self.bucket {
            Some(bucket) => vec![bucket],
            None => self.iter().filter_map(|told| told.name).collect(),
        }
    }

    /// Returns whether the response announced no limit.
    pub(crate) fn is_empty(&self) -> bool {
        self.limits.iter().all(Option::is_none)
    }

    /// Returns the limits.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Announced> {
        self.limits.iter().flatten()
    }

    /// Returns whether the response says that nothing is left and that this changes now. A server that says so rounds
    /// its resets down.
    pub(crate) fn is_rounded_down(&self) -> bool {
        self.iter()
            .any(|told| told.remaining == 0 && told.reset_after.is_zero())
    }

    /// Returns these limits for one of several workers that share them: this part of each limit, and of its rest without
    /// the `unseen` requests of the others.
    pub(super) fn of_worker(mut self, part: f64, unseen: u64) -> Self {
        // A conversion from a float saturates.
        let of = |whole: u64| (whole as f64 * part) as u64;
        for told in self.limits.iter_mut().flatten() {
            told.limit = told.limit.map(|limit| of(limit).max(1));
            told.remaining = of(told.remaining.saturating_sub(unseen));
        }
        self
    }

    /// Returns these limits for one of several workers that share them, where the response refuses its request. Something is
    /// left of a limit that does not refuse.
    pub(super) fn of_refused_worker(self, part: f64) -> Self {
        let mut of_worker = self.of_worker(part, 0);
        let both = of_worker.limits.iter_mut().zip(&self.limits);
        for (told, whole) in both.filter_map(|(told, whole)| told.as_mut().zip(whole.as_ref())) {
            told.remaining = told.remaining.max(whole.remaining.min(1));
        }
        of_worker
    }

    /// Returns these limits, where the response asks for a wait until something is left again: the reset of an
    /// exhausted limit is no later. A server that sends `Retry-After` beside a later reset means that wait
    /// (draft-ietf-httpapi-ratelimit-headers-10, section 6: Retry-After takes precedence).
    pub(crate) fn exhausted_for(mut self, wait: Option<Duration>) -> Self {
        let Some(wait) = wait.filter(|wait| !wait.is_zero()) else {
            return self;
        };
        for told in self.limits.iter_mut().flatten() {
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
            let loosest = told.limits.iter_mut().rev();
            let place = loosest.max_by(|a, b| pace(a).total_cmp(&pace(b)));
            if let Some(place) = place.filter(|place| one.pace() < pace(place)) {
                *place = Some(one);
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_four_workers_has_a_quarter_of_what_the_others_may_have_left() {
        let told = |limit, remaining| Announced {
            name: None,
            limit: Some(limit),
            window: Some(Duration::from_secs(60)),
            remaining,
            reset_after: Duration::from_secs(30),
        };
        let all: AnnouncedLimits = [told(100, 61), told(3, 2)].into_iter().collect();
        let of_one = all.of_worker(0.25, 20);
        let quarters: AnnouncedLimits = [told(25, 10), told(1, 0)].into_iter().collect();
        assert_eq!(of_one, quarters);
    }
}
