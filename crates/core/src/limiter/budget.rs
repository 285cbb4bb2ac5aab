//! What the server announced is left of its limits: one more cap each, until the reset.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::told::{Announced, MOST, Told};
use super::trips::Trips;
use crate::rate::Rate;
use crate::time::Time;

/// What is left of an announced limit by our own count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    pub limit: Option<u64>,
    pub window: Option<Duration>,
    pub remaining: u64,
    pub until: Time,
}

/// The last grant: its number, which is what was granted so far by cost, when it was issued, its cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) number: u64,
    pub(crate) at: Time,
    pub(crate) cost: u32,
}

/// How far an announcement is obeyed: the slowest pace, and the longest wait for a reset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) slowest: Rate,
    pub(crate) longest: Duration,
}

/// Two resets that differ by no more are one: most servers tell them in whole seconds, and answers take
/// up to a second to come.
const ROUNDING: Duration = Duration::from_secs(2);

/// Part of the time until the reset that what is left is spread over. Below 1, so that nothing of it is
/// lost when the reset comes earlier than the rounded second.
const SPREAD: f64 = 0.9;

/// Windows no longer than this are paced by their rate: whole seconds can't tell when they reset, and
/// nobody gains by using them up in bursts.
const SHORT: Duration = Duration::from_secs(3);

/// Part of the window that is added to it where it rolls: clocks, rounding and round trips have room.
/// More if nothing was left lately: there a refusal is near, and costs more than going slower.
const ROOM: f64 = 0.005;
const ROOM_IF_EMPTIED: f64 = 0.015;

/// Deviations of round trips that are added to a window of which nothing was left lately, if that is
/// more: of requests that leave at even distances, as many as are allowed arrive within so much less
/// than the window. Where jitter is even, the mean deviation there and back is a third of the most that
/// one way has. A window that rolls sees any two requests, one that begins anew only those at its ends.
const DEVIATIONS: f64 = 3.3;
const DEVIATIONS_ANEW: f64 = 2.0;

/// That nothing was left is remembered for so many grants, or two windows: where there is room enough it is
/// seldom seen, and the room must not be given up for that.
const LATELY: u64 = 500;

/// The rest of a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Budget {
    /// When it resets: the earliest reading of the answers in this window.
    until: Time,
    /// The highest number of a grant whose answer told of this window, and the least that any answer
    /// said is left: requests overtake each other on their way, so no single answer has both.
    newest: u64,
    remaining: u64,
    limit: Option<u64>,
    window: Option<Duration>,
    /// The reset moves away with each request: a sliding window, or a bucket that says when it is full.
    rolls: bool,
    /// The numbers of the last grant after which nothing was left, and of the last with which the window
    /// began anew: more was left than before by two and more.
    emptied: Option<u64>,
    anew: Option<u64>,
    /// The highest number of a grant whose answer told of the limit, and what that said is left.
    said: (u64, u64),
    /// No answer told of it yet: the window before is over, and this one is taken to be as long.
    assumed: bool,
}

impl Budget {
    /// Takes in an answer to the grant of that number. `grace` is added to the reset.
    ///
    /// Answers come out of order: an older one neither raises what is left nor opens a window.
    fn heard(
        before: Option<Self>,
        now: Time,
        number: u64,
        told: &Announced,
        grace: Duration,
    ) -> Self {
        let next = Self {
            until: now + told.reset_after + grace,
            newest: number,
            remaining: told.remaining,
            limit: told.limit,
            window: told.window,
            rolls: false,
            emptied: (told.remaining == 0).then_some(number),
            anew: None,
            said: (number, told.remaining),
            assumed: false,
        };
        let Some(before) = before.filter(|before| now < before.until) else {
            return next;
        };
        if before.assumed && !before.paces() {
            // An answer to an earlier request tells of the window before.
            let is_of_this = number > before.newest;
            return if is_of_this { next } else { before };
        }
        let is_anew = number > before.said.0 && told.remaining >= before.said.1.saturating_add(2);
        let next = Self {
            emptied: next.emptied.max(before.emptied),
            anew: is_anew.then_some(number).max(before.anew),
            said: next.said.max(before.said),
            ..next
        };
        let later = next.until.saturating_since(before.until) > ROUNDING;
        let of_window_before = before.until.saturating_since(next.until) > ROUNDING;
        if number < before.newest && (later || of_window_before) {
            return before;
        }
        let is_due = now + ROUNDING >= before.until;
        let rolls = before.rolls || (later && !is_due);
        if rolls || later {
            return Self { rolls, ..next };
        }
        Self {
            newest: before.newest.max(number),
            remaining: before.remaining.min(told.remaining),
            until: before.until.min(next.until),
            ..next
        }
    }

    /// The window after this one, if it says how much that allows, and this one was told of.
    fn renewed(&self, sent: u64) -> Option<Self> {
        let (remaining, window) = (self.limit?, self.window?);
        (!self.assumed).then_some(Self {
            until: self.until + window,
            newest: sent,
            remaining,
            assumed: true,
            ..*self
        })
    }

    /// What is left after `sent` grants.
    fn left(&self, sent: u64) -> u64 {
        let last = self.newest.saturating_add(self.remaining);
        last.saturating_sub(sent)
    }

    /// When a grant may go before which others that cost `ahead` go first: what is left, spread over the
    /// time until the reset, or the announced rate if that is quicker; and none beyond what is left.
    ///
    /// The pace never falls below the slowest, and no reset is waited for longer than the longest pause,
    /// so that no announcement stops us.
    fn due(&self, last: &Last, ahead: u64, trips: Option<Trips>, bounds: &Bounds) -> Time {
        let left = self.left(last.number);
        match self.interval(last, trips, bounds.slowest) {
            Some(interval) if self.paces() || ahead < left => {
                let amount = ahead.saturating_add(u64::from(last.cost));
                let steps = u32::try_from(amount).unwrap_or(u32::MAX);
                last.at + interval.saturating_mul(steps)
            }
            _ => self.until.min(last.at + bounds.longest),
        }
    }

    /// The time that one request is given; `None` if nothing is left.
    fn interval(&self, last: &Last, trips: Option<Trips>, slowest: Rate) -> Option<Duration> {
        let announced = self.rate().map(|rate| rate.time_for(1.0));
        let interval = if let Some(interval) = announced.filter(|_| self.paces()) {
            interval.mul_f64(1.0 + self.room(last, trips).min(1.0))
        } else {
            let left = self.left(last.number);
            let rest = self.until.saturating_since(last.at);
            let spread = (left > 0).then(|| rest.mul_f64(SPREAD / left as f64))?;
            announced.map_or(spread, |interval| interval.min(spread))
        };
        Some(interval.min(slowest.time_for(1.0)))
    }

    /// The part of the window that is added to it so that jitter makes no request come too early.
    fn room(&self, last: &Last, trips: Option<Trips>) -> f64 {
        let (Some(window), Some(trips)) = (self.window, trips) else {
            return ROOM;
        };
        let within = |number: Option<u64>, grants: u64| {
            number.is_some_and(|number| number.saturating_add(grants) >= last.number)
        };
        let two_windows = self.limit.unwrap_or(0).saturating_mul(2);
        if !within(self.emptied, two_windows.max(LATELY)) {
            return ROOM;
        }
        let deviations = if within(self.anew, two_windows) {
            DEVIATIONS_ANEW
        } else {
            DEVIATIONS
        };
        ROOM_IF_EMPTIED.max(deviations * trips.deviation / window.as_secs_f64())
    }

    /// Whether it paces by itself, so that "nothing is left" needs no pause: what a rolling window lets
    /// go comes back one by one.
    fn paces(&self) -> bool {
        let is_short = self.window.is_some_and(|window| window <= SHORT);
        (self.rolls || is_short) && self.rate().is_some()
    }

    /// Whether it still says anything.
    fn holds(&self, now: Time) -> bool {
        now < self.until
    }

    /// Whether `told` speaks of the same limit.
    fn is_of(&self, told: &Announced) -> bool {
        (self.limit, self.window) == (told.limit, told.window)
    }

    /// What a person is shown of it after `sent` grants.
    fn shown(&self, sent: u64) -> Standing {
        Standing {
            limit: self.limit,
            window: self.window,
            remaining: self.left(sent),
            until: self.until,
        }
    }

    /// The rate that limit and window amount to.
    fn rate(&self) -> Option<Rate> {
        let window = self.window.filter(|window| !window.is_zero())?;
        Rate::per_second(self.limit? as f64 / window.as_secs_f64())
    }
}

/// The rest of each limit that the server announces, as the newest answer told it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Budgets {
    limits: [Option<Budget>; MOST],
    trips: Option<Trips>,
}

impl Budgets {
    /// Takes in an answer to the grant of that number, which took `trip`. `grace` is added to each reset.
    ///
    /// What the newest answer does not speak of counts no longer: it is a limit of other requests. An
    /// older answer only tells more of limits that are known.
    pub(crate) fn heard(
        &mut self,
        now: Time,
        number: u64,
        trip: Duration,
        told: &Told,
        grace: Duration,
    ) {
        if *told == Told::default() {
            return;
        }
        self.trips = Some(Trips::seen(self.trips, trip));
        let is_late = self.iter().any(|known| number < known.newest);
        let mut before = std::mem::take(&mut self.limits);
        for (place, told) in self.limits.iter_mut().zip(told.0.iter().flatten()) {
            let mut known = before.iter_mut();
            let known = known.find(|known| known.is_some_and(|known| known.is_of(told)));
            let known = known.and_then(Option::take);
            if known.is_some() || !is_late {
                *place = Some(Budget::heard(known, now, number, told, grace));
            }
        }
        let mut untold = before.into_iter().flatten().filter(|_| is_late);
        let free = self.limits.iter_mut().filter(|place| place.is_none());
        free.for_each(|place| *place = untold.next());
    }

    /// The windows that are over are followed by others of which nothing is told yet, after `sent`
    /// grants, or forgotten; returns when the last of them ended.
    pub(crate) fn lapse(&mut self, now: Time, sent: u64) -> Option<Time> {
        let over = self.iter().filter(|budget| !budget.holds(now));
        let ended = over.map(|budget| budget.until).max()?;
        for place in &mut self.limits {
            let next = |budget: Budget| {
                if budget.holds(now) {
                    Some(budget)
                } else {
                    budget.renewed(sent).filter(|next| next.holds(now))
                }
            };
            *place = place.and_then(next);
        }
        Some(ended)
    }

    /// When a grant may go by all of them, before which others that cost `ahead` go first; see
    /// [`Budget::due`].
    pub(crate) fn due(&self, last: &Last, ahead: u64, bounds: &Bounds) -> Time {
        let due = |budget: &Budget| budget.due(last, ahead, self.trips, bounds);
        self.iter().map(due).max().unwrap_or(Time::ZERO)
    }

    /// How much of a pause of `wait` is needed that the server asks for as nothing is left: none for a
    /// limit that is paced, and none beyond a reset that another answer told more exactly.
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

    /// The one of which the least is left for the time until its reset.
    pub(crate) fn tightest(&self, now: Time, sent: u64) -> Option<Standing> {
        let pace = |it: &Standing| {
            let seconds = it.until.saturating_since(now).as_secs_f64();
            it.remaining as f64 / seconds.max(1.0)
        };
        let told = |budget: &&Budget| budget.holds(now) && !budget.assumed;
        let standing = self.iter().filter(told);
        standing
            .map(|budget| budget.shown(sent))
            .min_by(|one, other| pace(one).total_cmp(&pace(other)))
    }

    /// The announced rate that comes closest to `rate`, and the ratio of the two, at least 1.
    pub(crate) fn closest(&self, rate: Rate) -> Option<(Rate, f64)> {
        let rates = self.iter().filter_map(Budget::rate);
        let apart = rates.map(|told| {
            let ratio = told.as_per_second() / rate.as_per_second();
            (told, ratio.max(1.0 / ratio))
        });
        apart.min_by(|one, other| one.1.total_cmp(&other.1))
    }

    fn iter(&self) -> impl Iterator<Item = &Budget> {
        self.limits.iter().flatten()
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
