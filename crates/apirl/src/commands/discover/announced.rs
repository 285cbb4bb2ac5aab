//! What the server's responses announce about limits.

use std::time::Duration;

use api_ratelimiter::guidance::{Guidance, Policy, Unit};
use serde::Serialize;

use super::figures::optional_seconds;

/// Number of announced limits that are kept. An API has a handful; names that change with each response are no use.
const MOST: usize = 16;

/// Longest window that a run may use up: what is gone of a longer one is missed by other programs for too long. It is the
/// limiter's own bound for keeping a reserve.
const LONGEST_SPENT: Duration = Duration::from_secs(5 * 60);

/// Divisor of a limit with a longer window: a run spends at most a tenth of it.
const PART: u64 = 10;

/// Requests that a run may spend of any limit: with fewer nothing is learned.
const FEWEST: u64 = 10;

/// Shortest time for which a limit must hold: many announce the second in which a bucket is full again.
const SHORTEST_HELD: Duration = Duration::from_secs(30);

/// The limits that were announced, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    limits: Vec<AnnouncedLimit>,
    first: Option<Duration>,
}

/// A limit, as it was announced in one or more responses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct AnnouncedLimit {
    pub(super) name: Option<Box<str>>,
    pub(super) unit: Box<str>,
    pub(super) limit: Option<u64>,
    #[serde(rename = "window_seconds", serialize_with = "optional_seconds")]
    pub(super) window: Option<Duration>,
    /// The farthest reset that was announced: a window is at least that long.
    #[serde(rename = "longest_reset_seconds", serialize_with = "optional_seconds")]
    pub(super) longest_reset: Option<Duration>,
    /// The smallest number that was left.
    pub(super) fewest_left: Option<u64>,
}

impl Announcements {
    /// Returns the limits.
    pub(super) fn limits(&self) -> &[AnnouncedLimit] {
        &self.limits
    }

    /// Takes in what a response announces.
    pub(super) fn note(&mut self, now: Duration, told: &Guidance) {
        for policy in &told.policies {
            let known = self.limits.iter().position(|limit| limit.is(policy));
            match known {
                Some(place) => self.limits[place].note(policy),
                None if self.limits.len() < MOST => {
                    self.first.get_or_insert(now);
                    self.limits.push(AnnouncedLimit::of(policy));
                }
                None => {}
            }
        }
    }

    /// Returns how long nothing is left, if a response says that a limit of requests is used up.
    pub(super) fn used_up_for(&self, told: &Guidance) -> Option<Duration> {
        let policies = told.policies.iter();
        let used_up = policies.filter(|it| it.unit == Unit::Requests && it.is_exhausted());
        used_up.filter_map(|policy| policy.reset_after).max()
    }

    /// Returns whether no more may be spent of a limit with a long window, after this number of requests.
    pub(super) fn is_spared(&self, accepted: u64) -> bool {
        let mut long = self
            .of_requests()
            .filter(|limit| limit.length() > Some(LONGEST_SPENT));
        long.any(|it| {
            let part = it.limit.unwrap_or_default() / PART;
            accepted >= part.max(FEWEST) || it.fewest_left.is_some_and(|left| left < part)
        })
    }

    /// Returns whether limits were announced, all of a length that is known, and this number of their windows have passed.
    pub(super) fn has_held_for(&self, windows: u32, now: Duration) -> bool {
        let lengths: Option<Vec<_>> = self.of_requests().map(AnnouncedLimit::length).collect();
        let longest = lengths.and_then(|lengths| lengths.into_iter().max());
        let held = self.first.map(|first| now.saturating_sub(first));
        longest.zip(held).is_some_and(|(longest, held)| {
            held >= longest.saturating_mul(windows).max(SHORTEST_HELD)
        })
    }

    fn of_requests(&self) -> impl Iterator<Item = &AnnouncedLimit> {
        self.limits
            .iter()
            .filter(|limit| &*limit.unit == Unit::Requests.as_str())
    }
}

impl AnnouncedLimit {
    fn of(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            unit: policy.unit.as_str().into(),
            limit: policy.limit,
            window: policy.window,
            longest_reset: policy.reset_after,
            fewest_left: policy.remaining,
        }
    }

    /// Returns whether this is the limit of the policy.
    fn is(&self, policy: &Policy) -> bool {
        (&self.name, &*self.unit, self.limit, self.window)
            == (
                &policy.name,
                policy.unit.as_str(),
                policy.limit,
                policy.window,
            )
    }

    fn note(&mut self, policy: &Policy) {
        self.longest_reset = self.longest_reset.max(policy.reset_after);
        let lefts = self.fewest_left.into_iter().chain(policy.remaining);
        self.fewest_left = lefts.min();
    }

    /// Returns the length of its window, as far as it is known.
    fn length(&self) -> Option<Duration> {
        self.window.or(self.longest_reset)
    }
}
