//! Known limits, such as `1000 an hour`, beside the learned rate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::learned::SentBefore;
use super::periods::Periods;
use super::present::Present;
use super::sent_log::{SentLog, WindowLimit};
use super::view::Allowance;
use crate::calendar::Calendar;
use crate::rate::Rate;
use crate::time::Time;

/// Shortest window whose requests may all go at once. In a shorter one, jitter would matter more than pacing does.
const SHORTEST_AT_ONCE: Duration = Duration::from_secs(5);

/// Longest window of which a process that is killed may forget the last seconds: a minute with its room.
const LONGEST_FORGOTTEN: Duration = Duration::from_secs(61);

/// Part of a shorter window's requests that may go at once.
const BURST_SHARE: u64 = 10;

/// Time that is added to a window of which all may go at once: for round trips that vary, and a 500th for clocks that differ.
const ROOM: Duration = Duration::from_millis(200);
const ROOM_SHARE: u32 = 500;

/// A known limit: a number of requests in any window of a length, or in each day or month of a calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedLimit {
    /// The name under which the next run finds what was used: limits with equal windows count the same requests.
    key: Box<str>,
    /// Length of the window, without any room; `None` for days and months.
    per: Option<Duration>,
    of: WindowLimit,
    /// Whose days or months the windows are, instead of any.
    calendar: Option<Calendar>,
    refill: Option<Refill>,
}

/// A bucket of `burst` tokens that refills at `rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Refill {
    rate: Rate,
    burst: f64,
}

/// What is used of a known limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usage {
    sent: SentLog,
    periods: Periods,
    bucket: Option<Bucket>,
}

impl FixedLimit {
    /// Returns a limit of at most `requests` in any window of length `per`, wherever the window begins. `None` if there
    /// are no requests or no time.
    ///
    /// All of them may go at once, but only a tenth if the window is shorter than 5 s. The rest of such a window is spread
    /// over it.
    pub(crate) fn new(requests: u64, per: Duration) -> Option<Self> {
        if requests == 0 || per.is_zero() {
            return None;
        }
        let (window, refill) = if per >= SHORTEST_AT_ONCE {
            let window = per.saturating_add(ROOM).saturating_add(per / ROOM_SHARE);
            (window, None)
        } else {
            let burst = (requests / BURST_SHARE).max(1);
            let steady = (requests - burst + 1) as f64;
            let rate = Rate::per_second(steady / per.as_secs_f64())?;
            let burst = burst as f64;
            (per, Some(Refill { rate, burst }))
        };
        let most = requests;
        Some(Self {
            key: format!("{}s", per.as_secs_f64()).into(),
            per: Some(per),
            of: WindowLimit { most, window },
            calendar: None,
            refill,
        })
    }

    /// Returns a limit of at most `requests` in each day or month of a calendar, whose name is `key`. `None` if there are no
    /// requests.
    pub(crate) fn in_calendar(requests: u64, calendar: Calendar, key: &str) -> Option<Self> {
        let window = calendar.longest();
        (requests > 0).then(|| Self {
            key: key.into(),
            per: None,
            of: WindowLimit {
                most: requests,
                window,
            },
            calendar: Some(calendar),
            refill: None,
        })
    }

    /// Returns the limit of one of several workers that share it: at least one request.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        // A conversion from a float saturates.
        let most = ((self.of.most as f64 * factor) as u64).max(1);
        let refill = self.refill.map(|Refill { rate, burst }| Refill {
            rate: rate.scaled(factor),
            burst: (burst * factor).max(1.0),
        });
        let of = WindowLimit { most, ..self.of };
        Self {
            of,
            refill,
            ..self.clone()
        }
    }

    /// Returns the number of requests.
    pub(super) const fn most(&self) -> u64 {
        self.of.most
    }

    /// Returns whether it allows more than `rate` in the long run.
    pub(super) fn exceeds(&self, rate: Rate) -> bool {
        self.of.most as f64 > rate.amount_in(self.per.unwrap_or(self.of.window))
    }

    /// Returns the name under which the next run finds what was used.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Returns whether all of it may go at once.
    pub(crate) const fn goes_at_once(&self) -> bool {
        self.refill.is_none()
    }

    /// Returns whether it is renewed by the wall clock.
    pub(super) const fn is_of_calendar(&self) -> bool {
        self.calendar.is_some()
    }

    /// Returns the limit with nothing left until this time, for people.
    pub(super) const fn used_up(&self, until: Time) -> Allowance {
        Allowance {
            limit: Some(self.of.most),
            window: self.per,
            remaining: 0,
            until,
        }
    }

    /// Returns the limit with nothing used.
    pub(super) fn unused(&self, now: Time) -> Usage {
        Usage {
            sent: SentLog::default(),
            periods: Periods::default(),
            bucket: self.refill.map(|refill| Bucket::new(refill.burst, now)),
        }
    }

    /// Returns what one of several workers may use of what is left. `whole` is the limit of all of them, of which `usage`
    /// is used `then` and `unseen` more may be, and `part` the worker's share of it.
    pub(super) fn part_left(
        &self,
        now: &Present,
        (whole, usage, then): (&Self, &Usage, &Present),
        (part, unseen): (f64, u64),
    ) -> Usage {
        let used = match &whole.calendar {
            Some(calendar) => usage.periods.used_now(then.seconds(), calendar),
            None => usage.sent.used(then.now, whole.of.window),
        };
        let used = used.saturating_add(unseen);
        let left = whole.of.most.saturating_sub(used) as f64 * part;
        // The rest counts as sent now.
        let mut own = self.unused(now.now);
        self.note(&mut own, now, self.of.most.saturating_sub(left as u64));
        own.bucket = usage.bucket.zip(whole.refill).map(|(bucket, refill)| {
            let tokens = bucket.tokens(then.now, refill.rate, refill.burst);
            Bucket::new(tokens * part, now.now)
        });
        own
    }

    /// Notes what was sent, but for the bucket.
    fn note(&self, usage: &mut Usage, now: &Present, cost: u64) {
        match &self.calendar {
            Some(calendar) => usage.periods.record(now.seconds(), cost, calendar),
            None => usage.sent.record(now.now, cost, self.of),
        }
    }

    /// Takes in requests that were sent without asking.
    pub(super) fn charge(&self, usage: &mut Usage, now: &Present, sent: u64) {
        self.note(usage, now, sent.min(self.of.most));
        if let (Some(bucket), Some(refill)) = (&mut usage.bucket, self.refill) {
            bucket.settle(now.now, refill.rate, refill.burst);
            bucket.charge(sent as f64);
        }
    }

    /// Returns how many requests may be sent until what was used has to be stored again, so that nothing is forgotten if the
    /// process is killed. `None` if the window is so short that it hardly matters.
    pub(super) fn reserve(&self) -> Option<u64> {
        (self.of.window > LONGEST_FORGOTTEN).then(|| self.of.share())
    }

    /// Returns what still counts, for the next run, the oldest first.
    pub(super) fn sent_before(&self, usage: &Usage, now: &Present) -> Vec<SentBefore> {
        if self.calendar.is_some() {
            let periods = usage.periods.all().map(|(then, cost)| SentBefore {
                last: Duration::from_secs(then.try_into().unwrap_or(0)),
                cost,
            });
            return periods.collect();
        }
        let sent = usage.sent.lately(now.now, self.of.window);
        sent.map(|(ago, cost)| SentBefore {
            last: now.unix.saturating_sub(ago),
            cost,
        })
        .collect()
    }

    /// Takes in what an earlier run sent. The oldest comes first.
    pub(super) fn charge_before(&self, usage: &mut Usage, now: &Present, sent: &SentBefore) {
        let SentBefore { last, cost } = *sent;
        match &self.calendar {
            Some(calendar) => {
                let then = Present { unix: last, ..*now };
                let periods = &mut usage.periods;
                periods.record_earlier(then.seconds(), cost, calendar);
            }
            None => {
                let ago = now.unix.saturating_sub(last);
                usage.sent.record_earlier(now.now, ago, cost, self.of);
            }
        }
    }

    /// Takes in what was sent before, beside what is counted already.
    pub(super) fn charge_all_before(
        &self,
        usage: &mut Usage,
        now: &Present,
        before: &[SentBefore],
    ) {
        let mut all = [before, &self.sent_before(usage, now)].concat();
        all.sort_by_key(|it| it.last);
        (usage.sent, usage.periods) = (SentLog::default(), Periods::default());
        for sent in &all {
            self.charge_before(usage, now, sent);
        }
    }

    /// Returns when a request of this cost may go.
    pub(super) fn ready_at(&self, usage: &Usage, now: &Present, cost: u32) -> Time {
        let Usage {
            sent,
            periods,
            bucket,
        } = usage;
        if let Some(calendar) = &self.calendar {
            let cost = u64::from(cost);
            return now.time_of(periods.ready(now.seconds(), cost, self.of.most, calendar));
        }
        let room = sent.ready(u64::from(cost), self.of);
        let refill = bucket.zip(self.refill);
        refill.map_or(room, |(bucket, refill)| {
            room.max(bucket.ready_at(f64::from(cost), refill.rate, refill.burst))
        })
    }

    /// Returns when the last of requests that cost `amount` together may go.
    pub(super) fn due(&self, usage: &Usage, now: &Present, amount: u64) -> Time {
        let Usage {
            sent,
            periods,
            bucket,
        } = usage;
        if let Some(calendar) = &self.calendar {
            return now.time_of(periods.due(now.seconds(), amount, self.of.most, calendar));
        }
        let room = sent.due(now.now, amount, self.of);
        let refill = bucket.zip(self.refill);
        refill.map_or(room, |(bucket, refill)| {
            room.max(bucket.due(amount as f64, refill.rate, refill.burst))
        })
    }

    /// Takes in a request that is ready and goes now.
    pub(super) fn take(&self, usage: &mut Usage, now: &Present, cost: u32) {
        self.note(usage, now, u64::from(cost));
        if let (Some(bucket), Some(refill)) = (&mut usage.bucket, self.refill) {
            let _ = bucket.take(now.now, f64::from(cost), refill.rate, refill.burst);
        }
    }

    /// Takes back a request that was taken in at `at` and not sent.
    pub(super) fn put_back(&self, usage: &mut Usage, at: &Present, cost: u32) {
        match &self.calendar {
            Some(calendar) => {
                let periods = &mut usage.periods;
                periods.take_back(at.seconds(), u64::from(cost), calendar);
            }
            None => usage.sent.take_back(at.now, u64::from(cost)),
        }
        if let (Some(bucket), Some(refill)) = (&mut usage.bucket, self.refill) {
            bucket.put_back(f64::from(cost), refill.burst);
        }
    }

    /// Returns whether this much can have been used by `latest`. What was stored may have been damaged.
    pub(super) fn is_plausible(&self, usage: &Usage, latest: Time, most_debt: f64) -> bool {
        let bucket = usage.bucket;
        usage.sent.is_plausible(latest)
            && usage.periods.is_plausible()
            && bucket.is_some() == self.refill.is_some()
            && bucket.is_none_or(|bucket| bucket.is_plausible(latest, most_debt))
    }
}

#[cfg(test)]
mod tests;
