//! What responses say of one limit, and how that changes what is known of it.

use std::time::Duration;

use super::others::Others;
use super::refill::RefillEvidence;
use super::{Budget, Kind, ROUNDING};
use crate::limiter::announced::Announced;
use crate::limiter::sent_log::SentLog;
use crate::time::Time;

/// A reset that rolls moves as the time goes on, up to this difference, which shows after [`COMPARED_AFTER`].
const DIFFERENCE: Duration = Duration::from_millis(1500);
const COMPARED_AFTER: Duration = Duration::from_secs(3);

/// Part of a limit, and number of requests, that may be missing right after a reset because others were quick. If more
/// is missing, the window did not begin anew: it rolls.
const QUICK_PART: u64 = 2;
const QUICK: u64 = 2;

/// What a response says of one limit.
#[derive(Debug, Clone, Copy)]
pub(in crate::limiter) struct News<'a> {
    pub(in crate::limiter) now: Time,
    /// Number of the grant that the response belongs to.
    pub(in crate::limiter) number: u64,
    pub(in crate::limiter) told: &'a Announced,
    /// How long the round trip took; zero if that is not known.
    pub(in crate::limiter) trip: Duration,
    /// Time that is added to the reset.
    pub(in crate::limiter) grace: Duration,
    /// Cost of the other grants whose responses are missing, and of all grants after it. The server may have counted
    /// them, or not.
    pub(in crate::limiter) under_way: u64,
    pub(in crate::limiter) later: u64,
}

impl Budget {
    /// Takes in a response.
    ///
    /// Responses come out of order. An older one neither raises the rest nor opens a window.
    pub(in crate::limiter) fn heard(before: Option<Self>, news: &News<'_>) -> Self {
        let next = Self::first(news);
        match before.filter(|before| before.holds(news.now)) {
            None => next.logged(None, news),
            Some(before) if before.assumed && !before.paces() => before.begun(next, news),
            Some(before) => before.continued(next, news),
        }
    }

    /// Returns what a response says, if nothing was known.
    fn first(news: &News<'_>) -> Self {
        let News { now, told, .. } = *news;
        let until = now + told.reset_after + news.grace;
        let number = news.number;
        let first = Self {
            name: told.name,
            until,
            newest: number,
            remaining: told.remaining,
            limit: told.limit,
            window: told.window,
            rolls: false,
            reading: (now, until),
            refill: RefillEvidence::default(),
            ours: SentLog::default(),
            share: 1.0,
            others: Others::new(now, number, told.remaining, news.under_way),
            emptied: (told.remaining == 0).then_some(number),
            anew: None,
            said: (number, told.remaining),
            assumed: false,
            scouted: false,
            heard_at: now,
            silent: 0,
            longest: told.reset_after,
            most: told.remaining,
        };
        let refill = first.refilled(told);
        Self { refill, ..first }
    }

    /// Takes in the first response of a window that was assumed: `next`.
    fn begun(self, next: Self, news: &News<'_>) -> Self {
        // The response to an earlier request describes the window before.
        let Some(ours) = news
            .number
            .checked_sub(self.newest)
            .filter(|ours| *ours > 0)
        else {
            return self;
        };
        // Far less is left than is new: the window did not begin anew, and its reset is a timer of its own.
        let rolls = self.limit.zip(self.window).is_some_and(|(limit, window)| {
            let quick = QUICK.max(limit / QUICK_PART);
            let seen = next.remaining.saturating_add(ours).saturating_add(quick);
            seen < limit && news.told.reset_after.saturating_add(ROUNDING) >= window
        });
        let others = self
            .others
            .next_window(news.now, news.number, next.remaining, news.under_way);
        let next = Self {
            rolls,
            others,
            longest: next.longest.max(self.longest),
            most: next.most.max(self.most),
            ..next
        };
        next.logged(None, news)
    }

    /// Takes in what a later or an earlier response says of a window that is known: `next`.
    fn continued(self, next: Self, news: &News<'_>) -> Self {
        let before = self;
        let number = news.number;
        let later = next.until.saturating_since(before.until) > ROUNDING;
        let of_window_before = before.until.saturating_since(next.until) > ROUNDING;
        if number < before.newest && (later || of_window_before) {
            return before;
        }
        let is_anew = number > before.said.0 && next.remaining >= before.said.1.saturating_add(2);
        let is_due = news.now + ROUNDING >= before.until;
        let rolls = before.rolls || (later && !is_due);
        let mut next = Self {
            emptied: next.emptied.max(before.emptied),
            anew: is_anew.then_some(number).max(before.anew),
            said: next.said.max(before.said),
            longest: next.longest.max(before.longest),
            most: next.most.max(before.most),
            refill: before.refilled(news.told),
            rolls,
            ..next
        };
        if !rolls && later {
            let others = before.others;
            next.others = others.next_window(news.now, number, next.remaining, news.under_way);
        } else {
            if !rolls {
                next.newest = before.newest.max(number);
                next.remaining = before.remaining.min(next.remaining);
                next.until = before.until.min(next.until);
            }
            let (newest, remaining) = (next.newest, next.remaining);
            let uncounted = (news.under_way, news.later);
            next.others = before.others.seen(news.now, newest, remaining, uncounted);
        }
        if rolls {
            next.reading = before.reading;
            next.compare(news.now);
        }
        next.logged(Some(before), news)
    }

    /// Notes whether the reset moves as the time goes on: else it does not roll.
    fn compare(&mut self, now: Time) {
        let (then, reset) = self.reading;
        let passed = now.saturating_since(then);
        if passed >= COMPARED_AFTER {
            let moved = self.until.saturating_since(reset);
            self.rolls = moved.abs_diff(passed) < DIFFERENCE;
            self.reading = (now, self.until);
        }
    }

    /// Compares the reset with the time in which what is missing would flow in.
    fn refilled(&self, told: &Announced) -> RefillEvidence {
        let Some((limit, rate)) = self.limit.zip(self.rate()) else {
            return RefillEvidence::default();
        };
        let missing = limit.saturating_sub(told.remaining);
        let interval = 1.0 / rate.as_per_second();
        self.refill
            .seen(missing, interval, told.reset_after.as_secs_f64())
    }

    /// Keeps the log of our own requests from `before`, where one is needed. A new one begins with all that is
    /// gone of the limit.
    fn logged(self, before: Option<Self>, news: &News<'_>) -> Self {
        let Some(of) = self.window_limit() else {
            return self;
        };
        let before = before.filter(|before| before.kind() == Kind::Rolling);
        let ours = before.map_or_else(
            || {
                let mut sent = SentLog::default();
                let counted = of.most.saturating_sub(self.remaining);
                let used = counted.saturating_add(news.later);
                sent.record(news.now, used.clamp(1, of.most), of);
                sent
            },
            |before| before.ours,
        );
        // The window of the response ended when its request arrived, at most a round trip ago.
        let used = ours.used(news.now, of.window.saturating_add(news.trip));
        let gone = of.most.saturating_sub(self.remaining);
        let share = used as f64 / gone.max(1) as f64;
        Self {
            ours,
            share: share.min(1.0),
            ..self
        }
    }
}
