//! A hidden limit that was found, with times of the wall clock and in words.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::unix_seconds;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::limiter::{InferredLaw, InferredLimit, LimitKind};
use api_ratelimiter_core::seconds;

/// Length of a minute in seconds, and of an hour.
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// A limit that the server does not announce, found from what it accepted and refused.
///
/// [`Display`](fmt::Display) says it in words: `100 requests per 60 s; a window begins at :12 (seen 4 times)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LimitFound {
    /// How the server counts.
    pub kind: LimitKind,
    /// Requests per window: the number that was accepted, or the only round one that is possible.
    pub count: u64,
    /// Largest number that is possible.
    pub most: u64,
    /// Length of a window. As JSON `window_seconds`.
    #[serde(rename = "window_seconds", with = "seconds")]
    pub window: Duration,
    /// Earliest and latest time at which the current window began, by the wall clock. `None` for a sliding window, and if
    /// it is not known yet how windows begin. As JSON Unix seconds.
    #[serde(with = "unix_seconds::range")]
    pub begins: Option<[SystemTime; 2]>,
    /// Number of windows that were seen to be used up.
    pub seen: u32,
    /// Probability of this limit among those that were considered, at most 0.97.
    pub certainty: f64,
}

impl LimitFound {
    /// Returns the limit with times of the wall clock. `unix_now` is the wall clock's time at `now`.
    pub(crate) fn of(limit: &InferredLimit, now: Time, unix_now: Duration) -> Self {
        let wall = |at: Time| {
            let past = now.saturating_since(at);
            unix_seconds::of(
                unix_now
                    .saturating_add(at.saturating_since(now))
                    .saturating_sub(past),
            )
        };
        Self {
            kind: limit.kind,
            count: limit.count,
            most: limit.most,
            window: limit.window,
            begins: limit.begins.map(|begins| begins.map(wall)),
            seen: limit.seen,
            certainty: limit.certainty,
        }
    }

    fn law(&self) -> InferredLaw {
        InferredLaw {
            kind: self.kind,
            counts: [self.count, self.most],
            window: self.window,
        }
    }
}

impl fmt::Display for LimitFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.law())?;
        if let (LimitKind::FixedWindow, Some(begins)) = (self.kind, self.begins) {
            write!(f, "; a window begins {}", Beginning(begins, self.window))?;
        }
        match self.seen {
            1 => f.write_str(" (seen once)"),
            times => write!(f, " (seen {times} times)"),
        }
    }
}

/// Shows when windows of this length begin: `at :12`, `at :02 and every 10 s`, or `between :10 and :14`.
struct Beginning([SystemTime; 2], Duration);

impl fmt::Display for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(begins, window) = self;
        let [from, to] = begins.map(|at| {
            let since = at.duration_since(SystemTime::UNIX_EPOCH);
            since.map_or(0, |since| since.as_secs())
        });
        // Minutes are shown if windows of this length do not begin at the same second of each minute.
        let shown = |at: u64| {
            if window.as_secs() > MINUTE {
                format!(":{:02}:{:02}", at % HOUR / MINUTE, at % MINUTE)
            } else {
                format!(":{:02}", at % MINUTE)
            }
        };
        if to > from + 1 {
            write!(f, "between {} and {}", shown(from), shown(to))?;
        } else {
            write!(f, "at {}", shown(to))?;
        }
        if window.as_secs() == MINUTE || window.as_secs() == HOUR {
            return Ok(());
        }
        write!(f, " and every {} s", window.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(kind: LimitKind, counts: [u64; 2], window: u64, begins: [u64; 2]) -> LimitFound {
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let found = InferredLimit {
            kind,
            count: counts[0],
            most: counts[1],
            window: Duration::from_secs(window),
            begins: (kind != LimitKind::SlidingWindow).then_some(begins.map(at)),
            seen: 4,
            certainty: 0.97,
        };
        // 100 s on the limiter's clock is 00:01:00 by the wall clock.
        LimitFound::of(&found, at(100), Duration::from_secs(60))
    }

    #[test]
    fn a_limit_is_said_in_words() {
        use LimitKind::{FixedWindow, SlidingWindow, WindowFromFirst};
        let texts = [
            (
                limit(FixedWindow, [100, 100], 60, [52, 52]),
                "100 requests per 60 s; a window begins at :12 (seen 4 times)",
            ),
            (
                limit(FixedWindow, [97, 100], 60, [50, 54]),
                "97 to 100 requests per 60 s; a window begins between :10 and :14 (seen 4 times)",
            ),
            (
                limit(FixedWindow, [50, 50], 10, [92, 93]),
                "50 requests per 10 s; a window begins at :53 and every 10 s (seen 4 times)",
            ),
            (
                limit(FixedWindow, [100, 100], 900, [170, 170]),
                "100 requests per 900 s; a window begins at :02:10 and every 900 s (seen 4 times)",
            ),
            (
                limit(WindowFromFirst, [100, 100], 60, [52, 52]),
                "100 requests per 60 s, from the first request on (seen 4 times)",
            ),
            (
                limit(SlidingWindow, [600, 600], 60, [0, 0]),
                "600 requests in any 60 s (seen 4 times)",
            ),
        ];
        for (limit, text) in texts {
            assert_eq!(limit.to_string(), text);
        }
    }

    #[test]
    fn a_limit_survives_a_round_trip_through_json() {
        let found = limit(LimitKind::FixedWindow, [97, 100], 60, [50, 54]);
        let text = serde_json::to_string(&found).expect("plain data");
        assert_eq!(
            text,
            r#"{"kind":"fixed_window","count":97,"most":100,"window_seconds":60.0,"begins":[10.0,14.0],"seen":4,"certainty":0.97}"#
        );
        assert_eq!(
            serde_json::from_str::<LimitFound>(&text).expect("the same"),
            found
        );
        let sliding = limit(LimitKind::SlidingWindow, [600, 600], 60, [0, 0]);
        let text = serde_json::to_string(&sliding).expect("plain data");
        assert!(text.contains(r#""begins":null"#), "{text}");
        assert_eq!(
            serde_json::from_str::<LimitFound>(&text).expect("the same"),
            sliding
        );
    }
}
