//! The rests of all limits that a server announces.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::announced::{Announced, AnnouncedLimits, MOST};
use super::budget::news::News;
use super::budget::{Budget, ROUNDING};
use super::grant::Grant;
use super::rtt::RoundTrips;
use super::spending::{Bounds, Last, SentSoFar};
use super::view::Allowance;
use crate::rate::Rate;
use crate::time::Time;

/// Rest of each limit that the newest response announced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Budgets {
    limits: [Option<Budget>; MOST],
    trips: Option<RoundTrips>,
}

/// A limit of which nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsedUp {
    /// Something is left again after this time.
    For(Duration),
    /// Others have used it up, and nobody knows when their requests leave it.
    ByOthers,
}

impl Budgets {
    /// Takes in the response to the grant of this number, whose round trip took `trip`, if that is known. Other
    /// grants that cost `under_way` have no response yet; those after it cost `later`. `grace` is added to each reset.
    ///
    /// A limit that the newest response does not announce is dropped: it belongs to other requests. An older response
    /// only updates known limits.
    pub(crate) fn heard(
        &mut self,
        now: Time,
        (number, under_way, later): (u64, u64, u64),
        trip: Option<Duration>,
        told: &AnnouncedLimits,
        grace: Duration,
    ) {
        if told.is_empty() {
            return;
        }
        if let Some(trip) = trip {
            self.trips = Some(RoundTrips::seen(self.trips, trip));
        }
        let is_late = self.iter().any(|known| number < known.newest);
        let mut before = std::mem::take(&mut self.limits);
        for (place, told) in self.limits.iter_mut().zip(told.iter()) {
            let mut known = before.iter_mut();
            let known = known.find(|known| known.as_ref().is_some_and(|known| known.is_of(told)));
            let known = known.and_then(Option::take);
            if known.is_some() || !is_late {
                let news = News {
                    now,
                    number,
                    told,
                    grace,
                    under_way,
                    later,
                    trip: trip.unwrap_or_default(),
                };
                *place = Some(Budget::heard(known, &news));
            }
        }
        let mut untold = before.into_iter().flatten().filter(|_| is_late);
        let free = self.limits.iter_mut().filter(|place| place.is_none());
        free.for_each(|place| *place = untold.next());
    }

    /// Takes in a success whose response announced nothing. See [`Budget::unconfirmed`].
    pub(crate) fn unconfirmed(&mut self, grant: &Grant) {
        for place in &mut self.limits {
            *place = place.take().and_then(|budget| budget.unconfirmed(grant));
        }
    }

    /// Takes note of the last grant.
    pub(crate) fn sent(&mut self, last: &Last) {
        let trips = self.trips;
        for budget in self.limits.iter_mut().flatten() {
            budget.sent(last, trips);
        }
    }

    /// Takes note that a request of this grant was never sent.
    pub(crate) fn unsent(&mut self, grant: &Grant) {
        for budget in self.limits.iter_mut().flatten() {
            budget.unsent(grant);
        }
    }

    /// Returns whether a window is over, so that [`lapse`](Self::lapse) changes something.
    pub(crate) fn lapses(&self, now: Time) -> bool {
        self.iter().any(|budget| !budget.holds(now))
    }

    /// Replaces windows that are over by assumed ones, after `sent` grants, or forgets them. Returns when the last of
    /// them ended.
    pub(crate) fn lapse(&mut self, now: Time, sent: u64) -> Option<Time> {
        let over = self.iter().filter(|budget| !budget.holds(now));
        let ended = over.map(|budget| budget.until).max()?;
        for place in &mut self.limits {
            if let Some(over) = place.take_if(|budget| !budget.holds(now)) {
                *place = over.renewed(now, sent).filter(|next| next.holds(now));
            }
        }
        Some(ended)
    }

    /// Returns when all of them let a request go, after others that cost `ahead`. See [`Budget::due`].
    pub(crate) fn due(&self, sent: &SentSoFar, ahead: u64, bounds: &Bounds) -> Time {
        let due = |budget: &Budget| budget.due(sent, ahead, self.trips, bounds);
        self.iter().map(due).max().unwrap_or(Time::ZERO)
    }

    /// Returns whose requests have used up the limits of which the response of a refused request `told` that nothing is
    /// left; `None` if it told of no such limit.
    pub(crate) fn used_up(&self, now: Time, last: &Last, told: &AnnouncedLimits) -> Option<UsedUp> {
        let used_up = told.iter().filter(|told| told.remaining == 0);
        let known = used_up.filter_map(|told| self.iter().find(|budget| budget.is_of(told)));
        let waits = known.map(|budget| budget.wait(now, last, self.trips));
        waits
            .max()
            .map(|wait| wait.map_or(UsedUp::ByOthers, UsedUp::For))
    }

    /// Returns the part of a pause of `wait` that is needed, when the server asks for it because nothing is left:
    /// none for a limit that is paced, and none beyond a reset that another response announced more exactly.
    pub(crate) fn pause(&self, now: Time, wait: Duration) -> Duration {
        let left = |budget: &Budget| budget.until.saturating_since(now);
        let meant = self
            .iter()
            .filter(|budget| budget.remaining == 0 && left(budget).abs_diff(wait) <= ROUNDING);
        let needed = meant.map(|budget| {
            if budget.paces() {
                Duration::ZERO
            } else {
                left(budget).min(wait)
            }
        });
        needed.max().unwrap_or(wait)
    }

    /// Returns the limit with the least rest for the time until its reset.
    pub(crate) fn tightest(&self, now: Time, sent: u64) -> Option<Allowance> {
        let pace = |it: &Allowance| {
            let seconds = it.until.saturating_since(now).as_secs_f64();
            it.remaining as f64 / seconds.max(1.0)
        };
        let told = |budget: &&Budget| budget.holds(now) && !budget.assumed;
        let standing = self.iter().filter(told);
        standing
            .map(|budget| budget.shown(sent))
            .min_by(|one, other| pace(one).total_cmp(&pace(other)))
    }

    /// Returns the limits that were announced as they stand after `sent` grants.
    pub(crate) fn announced(&self, now: Time, sent: u64) -> AnnouncedLimits {
        let told = self.iter().filter(|budget| !budget.assumed);
        told.map(|budget| Announced {
            name: budget.name,
            limit: budget.limit,
            window: budget.window,
            remaining: budget.left(sent),
            reset_after: budget.until.saturating_since(now),
        })
        .collect()
    }

    /// Returns the announced rate that is closest to `rate`, and the ratio of the two, at least 1.
    pub(crate) fn closest(&self, rate: Rate) -> Option<(Rate, f64)> {
        let rates = self.iter().filter_map(Budget::rate);
        let apart = rates.map(|told| {
            let ratio = told.as_per_second() / rate.as_per_second();
            (told, ratio.max(1.0 / ratio))
        });
        apart.min_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// Returns whether each limit allows more than `rate`. One whose limit or window is not announced may allow less.
    pub(crate) fn exceed(&self, rate: Rate) -> bool {
        let mut rates = self.iter().map(Budget::rate);
        rates.all(|told| told.is_some_and(|told| told > rate))
    }

    /// Returns whether a controller can have come to them by `latest`. Stored ones may have been damaged.
    pub(super) fn are_plausible(&self, latest: Time) -> bool {
        self.iter()
            .all(|it| (0.0..=1.0).contains(&it.share) && it.ours.is_plausible(latest))
    }

    fn iter(&self) -> impl Iterator<Item = &Budget> {
        self.limits.iter().flatten()
    }
}

#[cfg(test)]
mod tests;
