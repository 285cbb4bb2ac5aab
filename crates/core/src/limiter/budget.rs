//! The rest of one announced limit, as responses tell of it. [`spending`](super::spending) decides when it is used.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::others::Others;
use self::refill::RefillEvidence;
use super::announced::{Announced, LimitName};
use super::grant::Grant;
use super::sent_log::{SentLog, WindowLimit};
use super::view::Allowance;
use crate::rate::Rate;
use crate::time::Time;

pub(super) mod news;
mod others;
mod refill;

/// Maximum difference of two readings of one reset. Most servers announce resets in whole seconds, and responses take
/// up to a second.
pub(super) const ROUNDING: Duration = Duration::from_secs(2);

/// Longest window that is not spent up to its reset. Whole seconds can't tell when such a window resets, so our own
/// requests are counted as in a window that rolls.
pub(super) const SHORT: Duration = Duration::from_secs(4);

/// Part of a limit, and number of requests, that must be left at the end of a window, so that many requests may begin the next
/// window at once. Otherwise one request goes first.
const UNUSED_PART: u64 = 4;
const UNUSED: u64 = 16;

/// Number of successes whose responses announce nothing after which a limit counts no longer. Some servers leave the
/// announcement out of a few kinds of responses, and one that has stopped announcing must not pace us for hours.
const MOST_SILENT: u32 = 3;

/// How a limit gives back what was used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All at once, at the reset.
    Window,
    /// Each request a window after it was sent. Short windows are taken for such ones.
    Rolling,
    /// One request after the other.
    Bucket,
}

/// Rest of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Budget {
    /// The server's name for the limit.
    pub(super) name: Option<LimitName>,
    /// Time of the reset: the earliest reading of the responses in this window.
    pub(super) until: Time,
    /// Highest number of a grant whose response announced this window, and the lowest rest that any response
    /// announced. Requests overtake each other, so that no single response has both.
    pub(super) newest: u64,
    pub(super) remaining: u64,
    pub(super) limit: Option<u64>,
    pub(super) window: Option<Duration>,
    /// Whether the reset moves with each request: in a sliding window, or for a bucket that announces when it is
    /// full.
    pub(super) rolls: bool,
    /// When the reset was read, and what it was: to see how it moves.
    reading: (Time, Time),
    refill: RefillEvidence,
    /// Our own requests, for a window that rolls.
    pub(super) ours: SentLog,
    /// Their part of all requests in that window, from 0 to 1.
    pub(super) share: f64,
    pub(super) others: Others,
    /// Number of the last grant after which nothing was left, and of the last one with which the window began anew:
    /// the rest grew by two or more.
    pub(super) emptied: Option<u64>,
    pub(super) anew: Option<u64>,
    /// Highest number of a grant whose response announced the limit, and the rest that it announced.
    said: (u64, u64),
    /// Whether the window is assumed: the one before is over, and no response has announced this one.
    pub(super) assumed: bool,
    /// Whether the first request of an assumed window goes alone, because the one before was used up.
    pub(super) scouted: bool,
    /// When the last response announced the limit; for an assumed window, when it began.
    pub(super) heard_at: Time,
    /// Number of successes since then whose requests were sent later, and whose responses announced nothing.
    silent: u32,
    /// Longest time until a reset, and highest rest, that were announced.
    pub(super) longest: Duration,
    pub(super) most: u64,
}

impl Budget {
    /// Takes note that a request of this grant was never sent.
    pub(super) fn unsent(&mut self, grant: &Grant) {
        self.ours.take_back(grant.issued_at, u64::from(grant.cost));
    }

    /// Returns the window after this one, if its length and limit are known and this one was announced. A length that
    /// is not announced is taken to be the longest time until a reset. A limit that gives back its requests one by one
    /// lasts until a response says otherwise, however many of its windows have passed.
    pub(super) fn renewed(self, now: Time, sent: u64) -> Option<Self> {
        let limit = self.limit?;
        let window = self.window.unwrap_or(self.longest);
        let counts = !window.is_zero() && (!self.assumed || self.paces());
        let needless = (limit / UNUSED_PART).max(UNUSED);
        let next = self.until + window;
        let until = if self.paces() && next <= now {
            now + window
        } else {
            next
        };
        counts.then(|| Self {
            until,
            newest: sent,
            remaining: limit,
            assumed: true,
            scouted: self.left(sent) < needless,
            heard_at: self.until,
            silent: 0,
            ..self
        })
    }

    /// Takes in a success whose response announced nothing. Returns `None` if the limit counts no longer: the window
    /// was only assumed, nothing should have been left for this request, or too many responses in a row say nothing.
    pub(super) fn unconfirmed(self, grant: &Grant) -> Option<Self> {
        if grant.number <= self.newest || grant.issued_at < self.heard_at {
            return Some(self);
        }
        let silent = self.silent.saturating_add(1);
        let is_beyond = !self.paces() && self.left(grant.number.saturating_sub(1)) == 0;
        let counts = !self.assumed && !is_beyond && silent < MOST_SILENT;
        counts.then_some(Self { silent, ..self })
    }

    /// Returns the rest after `sent` grants.
    pub(super) fn left(&self, sent: u64) -> u64 {
        let last = self.newest.saturating_add(self.remaining);
        last.saturating_sub(sent)
    }

    /// Returns whether it gives back its requests one by one, so that "nothing is left" needs no pause.
    pub(super) fn paces(&self) -> bool {
        self.kind() != Kind::Window
    }

    pub(super) fn kind(&self) -> Kind {
        let is_short = self.window.is_some_and(|window| window <= SHORT);
        if self.rate().is_none() {
            Kind::Window
        } else if self.refill.is_bucket() {
            Kind::Bucket
        } else if self.rolls || is_short {
            Kind::Rolling
        } else {
            Kind::Window
        }
    }

    /// Returns whether the window is not over.
    pub(super) fn holds(&self, now: Time) -> bool {
        now < self.until
    }

    /// Returns whether `told` is about the limit of this window.
    pub(super) fn is_of(&self, told: &Announced) -> bool {
        (self.name, self.limit, self.window) == (told.name, told.limit, told.window)
    }

    /// Returns the rest after `sent` grants, for people.
    pub(super) fn shown(&self, sent: u64) -> Allowance {
        Allowance {
            limit: self.limit,
            window: self.window,
            remaining: self.left(sent),
            until: self.until,
        }
    }

    /// Returns the rate that limit and window amount to.
    pub(super) fn rate(&self) -> Option<Rate> {
        let window = self.window.filter(|window| !window.is_zero())?;
        Rate::per_second(self.limit? as f64 / window.as_secs_f64())
    }

    /// Returns what the log counts by, if this is a window that rolls.
    fn window_limit(&self) -> Option<WindowLimit> {
        let (most, window) = self.limit.zip(self.window)?;
        (self.kind() == Kind::Rolling).then_some(WindowLimit { most, window })
    }
}
