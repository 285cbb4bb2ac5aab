//! When the rest of an announced limit is used: at once, but for a reserve.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::{Budget, Kind, SHORT};
use super::rtt::RoundTrips;
use super::sent_log::WindowLimit;
use crate::time::Time;

/// Number, time and cost of the last grant. The number is the sum of the costs of all grants so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) number: u64,
    pub(crate) at: Time,
    pub(crate) cost: u32,
}

/// What was granted so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SentSoFar {
    pub(crate) last: Last,
    /// Sum of the costs of the grants whose outcome is not known.
    pub(crate) under_way: u64,
}

/// Bounds on obeying an announcement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// Longest wait for a reset, or for the next request.
    pub(crate) longest: Duration,
    /// Part of a limit that is spread over the time until its reset, from 0 to 1, if the window is longer than
    /// [`FAR`].
    pub(crate) reserve: f64,
}

/// Longest window that is spent without a reserve. Whoever finds it used up waits for a few minutes at most.
pub(crate) const FAR: Duration = Duration::from_secs(300);

/// Part of the time until the reset that the reserve is spread over. Below 1, so that none is lost when the reset comes
/// earlier than the rounded second.
const SPREAD: f64 = 0.9;

/// Part of what is left that is spread over the time until the reset at least, however quick others are.
const LEAST: f64 = 0.125;

/// Time after which a response that is under way is not waited for any longer.
const AWAITED: Duration = Duration::from_secs(2);

/// Part of a limit that others may use, at the rate so far, to be left what they need. Whoever uses more is in a hurry
/// like us, and two of us would yield to each other.
const STEADY_PART: f64 = 0.3;

/// Factor on what others are left, because they do not come evenly.
const UNEVEN: f64 = 1.2;

/// Factor on what others send while ours are under way: a response tells of the past, and what we send upon it arrives
/// as much later.
const QUICK: f64 = 2.0;

/// Part of a rolling window that is added to it, as room for clocks, rounding and round trips. More if nothing was
/// left lately: a refusal is near then, and costs more than going slower.
const ROOM: f64 = 0.005;
const ROOM_IF_EMPTIED: f64 = 0.015;

/// Deviations of round trips that are added to a window of which nothing was left lately, if that is more. Requests
/// that leave at even distances may arrive within a time that is shorter than the window by this much. With uniform
/// jitter, the mean deviation of a round trip is a third of the maximum of one way. A rolling window sees any two
/// requests; a window that begins anew sees only those at its ends.
const DEVIATIONS: f64 = 3.3;
const DEVIATIONS_ANEW: f64 = 2.0;

/// Number of grants for which an empty window is remembered, or two windows if they are longer. Where the room
/// suffices, a window is seldom empty, and the room must not be given up for that.
const LATELY: u64 = 500;

/// Part of a rolling limit, and number of requests, that stay free while others use it, too: they send at the same time.
const HEADROOM: f64 = 0.05;
const LEAST_HEADROOM: f64 = 2.0;

/// Part of the even pace that is added to our share of it while others use a limit, too. It is equal for all, so that
/// their shares become equal, in about ten windows.
const GAIN: f64 = 0.1;

/// Part of our pace that stays when nothing is left of a limit that others use, too.
const SLOWEST: f64 = 0.1;

/// Round trips that a request stays in the log of a rolling window after it has left it.
const KEPT_TRIPS: f64 = 2.0;

/// Part of a rolling window after which some of the requests of others have left it. They come and go in groups.
const LEAVING: u32 = 20;

/// Requests that stay in a bucket, as room for jitter: this many, or what flows in within this many deviations of round
/// trips.
const SLACK: f64 = 2.0;
const SLACK_DEVIATIONS: f64 = 6.6;

impl Budget {
    /// Returns when a request may go, after others that cost `ahead`: at once, as long as more than the reserve is left.
    /// The reserve is spread over the time until the reset, and none goes beyond the rest.
    ///
    /// No wait is longer than the longest, so that no announcement stops the limiter.
    pub(super) fn due(
        &self,
        sent: &SentSoFar,
        ahead: u64,
        trips: Option<RoundTrips>,
        bounds: &Bounds,
    ) -> Time {
        let due = match self.kind() {
            Kind::Window => self.due_in_window(sent, ahead, bounds),
            Kind::Rolling => self.due_in_rolling(sent, ahead, trips),
            Kind::Bucket => self.due_in_bucket(sent, ahead, trips),
        };
        due.min(sent.last.at + bounds.longest)
    }

    /// Returns the number of requests that are left for sure: those under way may not be counted yet.
    fn sure(&self, sent: &SentSoFar) -> u64 {
        let uncounted = self.remaining.saturating_sub(sent.under_way);
        self.left(sent.last.number).min(uncounted)
    }

    fn due_in_window(&self, sent: &SentSoFar, ahead: u64, bounds: &Bounds) -> Time {
        let last = &sent.last;
        if self.assumed && self.scouted {
            // One request goes first, and its response tells.
            return self.awaited(sent).unwrap_or(last.at);
        }
        let (left, sure) = (self.left(last.number), self.sure(sent));
        let free = sure.saturating_sub(self.reserved(sent, bounds));
        if ahead < free {
            return last.at;
        }
        let latest = last.at + bounds.longest;
        if ahead >= left {
            return self.until.min(latest);
        }
        let rest = self.until.saturating_since(last.at).as_secs_f64();
        let usable = (left as f64 - UNEVEN * self.theirs()).max(left as f64 * LEAST);
        if usable < 1.0 && self.until <= latest {
            return self.until;
        }
        let steps = (ahead - free).saturating_add(u64::from(last.cost));
        let paced = (last.at + seconds(rest * SPREAD / usable.max(1.0) * steps as f64)).min(latest);
        if ahead >= sure && sent.under_way > 0 {
            // A response may say that the rest is another one.
            return paced.max(last.at + AWAITED);
        }
        paced
    }

    /// Returns how much of the rest does not go at once: what is spread over the time until the reset, and what others
    /// will need.
    fn reserved(&self, sent: &SentSoFar, bounds: &Bounds) -> u64 {
        let limit = self.limit.unwrap_or(self.most) as f64;
        let window = self.window.unwrap_or(self.longest);
        let spread = if window > FAR {
            bounds.reserve * limit
        } else {
            0.0
        };
        let is_steady = self.others.within(window.as_secs_f64()) <= STEADY_PART * limit;
        let theirs = if is_steady {
            UNEVEN * self.theirs()
        } else {
            0.0
        };
        // A conversion from a float saturates.
        spread
            .max(theirs)
            .max(QUICK * self.others.beside(sent.under_way))
            .ceil() as u64
    }

    /// Returns the number of requests that others will have sent from the last response until the reset.
    fn theirs(&self) -> f64 {
        let rest = self.until.saturating_since(self.heard_at);
        self.others.within(rest.as_secs_f64())
    }

    fn due_in_rolling(&self, sent: &SentSoFar, ahead: u64, trips: Option<RoundTrips>) -> Time {
        let last = sent.last.at;
        let Some(of) = self.roomy(&sent.last, trips) else {
            return last;
        };
        let ready = self.ours.due(last, ahead.saturating_add(1), of);
        if self.assumed && (self.scouted || self.share < 1.0) {
            // One request goes first, and its response tells.
            return self.awaited(sent).unwrap_or(ready);
        }
        let sure = self.sure(sent);
        if self.share >= 1.0 {
            let behind = ahead.checked_sub(sure);
            return behind.map_or(ready, |behind| ready.max(self.paced(sent, behind, of)));
        }
        if of.window <= SHORT {
            let free = (sure as f64 * self.share) as u64;
            let Some(behind) = ahead.checked_sub(free) else {
                return ready;
            };
            let evenly = self.paced(sent, behind, of).saturating_since(last);
            return ready.max(last + seconds(evenly.as_secs_f64() / self.share.max(LEAST)));
        }
        // Others see what has become free, too, and send while ours are under way.
        let per_ours = (1.0 - self.share) / self.share.max(LEAST);
        let headroom = (HEADROOM * of.most as f64).max(LEAST_HEADROOM);
        let taken = headroom + QUICK * per_ours * sent.under_way as f64;
        let free = ((sure as f64 - taken).max(0.0) * self.share) as u64;
        let Some(behind) = ahead.checked_sub(free) else {
            return ready;
        };
        // The less is left, the slower all of them go; and who has little gains a little each time.
        let scarcity = (sure as f64 + 1.0) / (headroom + 1.0);
        let part = (self.share + GAIN) * scarcity.clamp(SLOWEST, 1.0);
        let evenly = self.paced(sent, behind, of).saturating_since(last);
        ready.max(last + seconds(evenly.as_secs_f64() / part))
    }

    /// Returns how long the response to the first request of an assumed window is waited for; `None` if none is under way.
    fn awaited(&self, sent: &SentSoFar) -> Option<Time> {
        let is_awaited = sent.last.at >= self.heard_at && sent.under_way > 0;
        is_awaited.then(|| sent.last.at + AWAITED)
    }

    fn due_in_bucket(&self, sent: &SentSoFar, ahead: u64, trips: Option<RoundTrips>) -> Time {
        let Some(of) = self.roomy(&sent.last, trips) else {
            return sent.last.at;
        };
        let deviation = trips.map_or(0.0, |trips| trips.deviation);
        let rate = of.most as f64 / of.window.as_secs_f64();
        let slack = SLACK.max(SLACK_DEVIATIONS * deviation * rate).ceil() as u64;
        let free = self.sure(sent).saturating_sub(slack);
        match ahead.checked_sub(free) {
            None => sent.last.at,
            Some(behind) => self.paced(sent, behind, of),
        }
    }

    /// Returns when a request may go at even distances, after others that cost `ahead`.
    fn paced(&self, sent: &SentSoFar, ahead: u64, of: WindowLimit) -> Time {
        let steps = ahead.saturating_add(u64::from(sent.last.cost));
        sent.last.at + seconds(interval(of).as_secs_f64() * steps as f64)
    }

    /// Returns limit and window with room, so that jitter makes no request come too early.
    fn roomy(&self, last: &Last, trips: Option<RoundTrips>) -> Option<WindowLimit> {
        let (most, window) = self.limit.zip(self.window)?;
        let room = self.room(last, trips).min(1.0);
        let window = seconds(window.as_secs_f64() * (1.0 + room));
        (most > 0).then_some(WindowLimit { most, window })
    }

    /// Returns the part of the window that is added to it.
    fn room(&self, last: &Last, trips: Option<RoundTrips>) -> f64 {
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

    /// Returns how long a refused request waits until something is left again. `None` if others have used up a limit that
    /// gives back its requests one by one: nobody knows when theirs come back.
    pub(super) fn wait(
        &self,
        now: Time,
        last: &Last,
        trips: Option<RoundTrips>,
    ) -> Option<Duration> {
        let until = match (self.kind(), self.roomy(last, trips)) {
            (Kind::Window, _) | (_, None) => self.until,
            // Some is always left of one that is ours alone: others use it, too. To wait for one unit, without a lesson,
            // would leave them nothing.
            (Kind::Bucket, Some(_)) => now,
            // Others have used it up, too, which cannot be told in a second or two. The learner finds our share.
            (Kind::Rolling, Some(of)) if self.rolls && of.window <= SHORT => now,
            (Kind::Rolling, Some(of)) if self.share < 1.0 && of.window <= FAR => now,
            (Kind::Rolling, Some(of)) if self.share < 1.0 => {
                let used = self.ours.used(now, of.window);
                let leaving = of.most.saturating_sub(used).saturating_add(1);
                self.ours.ready(leaving, of).max(now + of.window / LEAVING)
            }
            (Kind::Rolling, Some(of)) => self.ours.ready(1, of),
        };
        Some(until.saturating_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Takes note of the last grant.
    pub(super) fn sent(&mut self, last: &Last, trips: Option<RoundTrips>) {
        if self.kind() != Kind::Rolling {
            return;
        }
        if let Some(of) = self.roomy(last, trips) {
            // Requests stay in the log until the responses that count them are here.
            let trip = trips.map_or(Duration::ZERO, |trips| seconds(KEPT_TRIPS * trips.mean));
            let window = of.window.saturating_add(trip);
            self.ours
                .record(last.at, u64::from(last.cost), WindowLimit { window, ..of });
        }
    }
}

/// Returns the time for one request.
fn interval(of: WindowLimit) -> Duration {
    seconds(of.window.as_secs_f64() / of.most as f64)
}

/// Returns so many seconds; the longest time for a number that is too large.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
