//! The law of an earlier run, and for the next one.

use std::time::Duration;

use super::{FIRST_TESTS, LEAST, WindowSpending, before, test_interval};
use crate::limiter::inference::LimitKind;
use crate::limiter::learned::RememberedWindow;
use crate::time::Time;

/// Lengths of windows that are taken over from an earlier run: those that are found, see [`crate::limiter::inference`].
const REMEMBERED: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(4)..=Duration::from_secs(3600);

/// How much the wall clock may have moved against the server's between two runs.
const CLOCKS_DIFFER: Duration = Duration::from_millis(100);

/// Largest number of requests in a window that is taken over.
const MOST: u64 = 1_000_000_000;

impl WindowSpending {
    /// Goes on with the windows of an earlier run, which are on trial. `unix_now` is what the wall clock shows. `None` if
    /// they can't be spent.
    pub(crate) fn remembered(
        window: &RememberedWindow,
        jitter: Duration,
        (now, unix_now): (Time, Duration),
        last: u64,
    ) -> Option<Self> {
        let RememberedWindow {
            kind,
            count,
            length,
            ..
        } = *window;
        let zone = window.ends_until.checked_sub(window.ends_from)?;
        let zone = zone.checked_add(2 * CLOCKS_DIFFER)?;
        let is_plausible = REMEMBERED.contains(&length)
            && (LEAST..=MOST).contains(&count)
            && zone < length
            && matches!(kind, LimitKind::FixedWindow | LimitKind::WindowFromFirst);
        if !is_plausible {
            return None;
        }
        let is_from_first = kind == LimitKind::WindowFromFirst;
        let ends = window.ends_until.checked_add(CLOCKS_DIFFER)?;
        let left = if is_from_first {
            // Of the window that a request of the earlier run began, if it is not over.
            ends.saturating_sub(unix_now).min(length)
        } else {
            let past = unix_now.saturating_sub(ends).as_nanos() % length.as_nanos();
            let ahead = ends.saturating_sub(unix_now).as_nanos() % length.as_nanos();
            let left = if ahead > 0 {
                ahead
            } else {
                length.as_nanos() - past
            };
            Duration::from_nanos(u64::try_from(left).ok()?)
        };
        let latest = now + left;
        // Who has sent nothing for a whole window has all of this one.
        let is_unused = unix_now.saturating_sub(window.last_used) >= length + CLOCKS_DIFFER;
        Some(Self {
            ends: [before(latest, zone), latest],
            is_open: !is_from_first,
            again_at: if is_from_first { latest } else { now },
            is_full: !is_from_first && !is_unused,
            // The earlier run has tested it.
            tests: FIRST_TESTS,
            next_test: now + Duration::from_secs_f64(test_interval(length, count)),
            is_on_trial: true,
            ..Self::of(kind, count, length, jitter, now, last)
        })
    }

    /// Returns the law for the next run. `last` is when the last request was sent.
    pub(crate) fn to_remember(
        &self,
        last: Time,
        (now, unix_now): (Time, Duration),
    ) -> RememberedWindow {
        let unix = |at: Time| {
            (unix_now + at.saturating_since(now)).saturating_sub(now.saturating_since(at))
        };
        RememberedWindow {
            kind: self.kind,
            count: self.confirmed,
            length: self.length,
            ends_from: unix(self.ends[0]),
            ends_until: unix(self.ends[1]),
            last_used: unix(last),
        }
    }
}
