//! The part of a limiter's knowledge that the next run can start from.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::inference::LimitKind;

use crate::rate::Rate;

/// Version of the rate law that the knowledge belongs to. Another law would read other meanings into the numbers, so
/// it starts afresh.
const LAW_VERSION: u32 = 1;

/// How long knowledge is used unchanged. A job that runs every day should start where it ended.
const FRESH: Duration = Duration::from_secs(36 * 60 * 60);

/// How much the time of one event differs at most between two readings of both clocks.
const CLOCKS_DIFFER: Duration = Duration::from_millis(100);

/// Learned state of a limiter, and what it has used of known limits, to be stored until the next run: a small value
/// without secrets.
///
/// ```
/// use std::time::Duration;
/// use api_ratelimiter_core::limiter::Controller;
/// use api_ratelimiter_core::{ApiRateConfig, Learned, Rate, Time};
///
/// let unix_now = Duration::from_secs(4_000_000_000);
/// let mut limiter = Controller::new(ApiRateConfig::default().settings()?, Time::ZERO);
/// assert!(limiter.learned(Time::ZERO, unix_now).is_none(), "nothing was refused yet");
///
/// let stored = r#"{"law_version": 1, "ceiling_per_second": 4.0, "rate_per_second": 3.9,
///                  "last_pause_seconds": 1.0, "learned_at_unix_seconds": 4000000000.0}"#;
/// let learned: Learned = serde_json::from_str(stored).unwrap();
/// let _ = limiter.restore(Time::ZERO, &learned, unix_now);
/// assert_eq!(limiter.view(Time::ZERO).ceiling, Rate::per_second(4.0));
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    law_version: u32,
    /// The proven ceiling, once there is one.
    #[serde(rename = "ceiling_per_second", default)]
    ceiling: Option<Rate>,
    /// The rate at the end.
    #[serde(rename = "rate_per_second")]
    rate: Rate,
    /// Length of the last pause. The next pause begins with a part of it.
    #[serde(rename = "last_pause_seconds", with = "crate::seconds")]
    last_pause: Duration,
    /// When it was learned, by the wall clock.
    #[serde(rename = "learned_at_unix_seconds", with = "crate::seconds")]
    at: Duration,
    /// What was used of the known limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    known_limits: Vec<KnownUsage>,
    /// The law of a hidden limit whose windows were spent. One that can't be read is none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "known_or_none"
    )]
    hidden_window: Option<RememberedWindow>,
}

/// The law of a hidden limit, by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct RememberedWindow {
    pub(crate) kind: LimitKind,
    /// Requests per window.
    pub(crate) count: u64,
    #[serde(rename = "length_seconds", with = "crate::seconds")]
    pub(crate) length: Duration,
    /// Earliest and latest end of one window.
    #[serde(rename = "ends_from_unix_seconds", with = "crate::seconds")]
    pub(crate) ends_from: Duration,
    #[serde(rename = "ends_until_unix_seconds", with = "crate::seconds")]
    pub(crate) ends_until: Duration,
    /// When the last request was sent.
    #[serde(rename = "last_used_unix_seconds", with = "crate::seconds")]
    pub(crate) last_used: Duration,
}

impl RememberedWindow {
    /// Returns whether both say the same. The times differ a little each time that both clocks are read.
    fn is_as(&self, other: &Self) -> bool {
        let times = |it: &Self| [it.ends_from, it.ends_until, it.last_used];
        let mut times = times(self).into_iter().zip(times(other));
        (self.kind, self.count, self.length) == (other.kind, other.count, other.length)
            && times.all(|(one, other)| one.abs_diff(other) < CLOCKS_DIFFER)
    }
}

/// Reads a window, or nothing if it is not one: whatever else was stored stays valid.
fn known_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<RememberedWindow>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Known(RememberedWindow),
        Other(IgnoredAny),
    }
    Ok(match Stored::deserialize(from)? {
        Stored::Known(window) => Some(window),
        Stored::Other(_) => None,
    })
}

/// What was used of one known limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownUsage {
    /// The limit's key.
    pub(crate) limit: String,
    /// The requests of its last window, the oldest first.
    pub(crate) sent: Vec<SentBefore>,
}

/// Requests that were sent close together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentBefore {
    /// When the last of them was sent, by the wall clock.
    #[serde(rename = "last_unix_seconds", with = "crate::seconds")]
    pub(crate) last: Duration,
    /// Sum of their costs.
    pub(crate) cost: u64,
}

impl KnownUsage {
    /// Returns whether both say the same. The times of one request differ a little each time that both clocks are read.
    fn is_as(&self, other: &Self) -> bool {
        let is_same = |(one, other): (&SentBefore, &SentBefore)| {
            one.cost == other.cost && one.last.abs_diff(other.last) < CLOCKS_DIFFER
        };
        self.limit == other.limit
            && self.sent.len() == other.sent.len()
            && self.sent.iter().zip(&other.sent).all(is_same)
    }
}

impl Learned {
    pub(crate) const fn new(
        ceiling: Option<Rate>,
        rate: Rate,
        last_pause: Duration,
        unix_now: Duration,
    ) -> Self {
        Self {
            law_version: LAW_VERSION,
            ceiling,
            rate,
            last_pause,
            at: unix_now,
            known_limits: Vec::new(),
            hidden_window: None,
        }
    }

    /// Adds the law of a hidden limit.
    pub(crate) fn with_hidden_window(self, hidden_window: Option<RememberedWindow>) -> Self {
        Self {
            hidden_window,
            ..self
        }
    }

    /// Returns the law of a hidden limit, while it is fresh.
    pub(crate) fn hidden_window(&self, unix_now: Duration) -> Option<&RememberedWindow> {
        let is_fresh = self.law_version == LAW_VERSION && self.age(unix_now) <= FRESH;
        self.hidden_window.as_ref().filter(|_| is_fresh)
    }

    /// Adds what was used of known limits.
    pub(crate) fn with_known_limits(self, known_limits: Vec<KnownUsage>) -> Self {
        Self {
            known_limits,
            ..self
        }
    }

    /// Adds a reserve of `cost` to what was used of each known limit, for requests that will be sent before the knowledge
    /// is stored again.
    #[must_use]
    pub fn with_reserve(mut self, cost: u64) -> Self {
        let last = self.at;
        if cost > 0 {
            let known = self.known_limits.iter_mut();
            known.for_each(|it| it.sent.push(SentBefore { last, cost }));
        }
        self
    }

    /// Returns what was used of the known limit with this key.
    pub(crate) fn used_of(&self, limit: &str) -> &[SentBefore] {
        let mut known = self.known_limits.iter();
        known
            .find(|it| it.limit == limit)
            .map_or(&[], |it| &it.sent)
    }

    /// Returns the proven ceiling, in requests per second, if there is one.
    #[must_use]
    pub const fn ceiling(&self) -> Option<Rate> {
        self.ceiling
    }

    /// Returns its age; zero if the wall clock went back.
    pub(crate) const fn age(&self, unix_now: Duration) -> Duration {
        unix_now.saturating_sub(self.at)
    }

    /// Returns when it was learned, by the wall clock.
    pub(crate) const fn at(&self) -> Duration {
        self.at
    }

    /// Returns the knowledge for one of several workers that share the limit, without what was used of known limits, and
    /// without windows: others use them, too.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        Self {
            ceiling: self.ceiling.map(|ceiling| ceiling.scaled(factor)),
            rate: self.rate.scaled(factor),
            known_limits: Vec::new(),
            hidden_window: None,
            ..*self
        }
    }

    /// Returns whether both say the same about the limit, whenever they were learned.
    pub fn is_as(&self, other: &Self) -> bool {
        let Self {
            law_version,
            ceiling,
            rate,
            last_pause,
            at: _,
            known_limits,
            hidden_window,
        } = self;
        let same_window = match (hidden_window, &other.hidden_window) {
            (Some(one), Some(other)) => one.is_as(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let known = known_limits.iter().zip(&other.known_limits);
        (
            *law_version,
            *ceiling,
            *rate,
            *last_pause,
            known_limits.len(),
        ) == (
            other.law_version,
            other.ceiling,
            other.rate,
            other.last_pause,
            other.known_limits.len(),
        ) && same_window
            && known.into_iter().all(|(one, other)| one.is_as(other))
    }

    pub(crate) const fn last_pause(&self) -> Duration {
        self.last_pause
    }

    /// Returns the ceiling to start from after `age`: unchanged while it is fresh, then ever nearer to the configured
    /// start, by half of the logarithmic distance when it is twice as old. `None` if there is none, or if it belongs to another
    /// law.
    pub(crate) fn ceiling_after(&self, age: Duration, start: Rate) -> Option<Rate> {
        if self.law_version != LAW_VERSION {
            return None;
        }
        let trust = FRESH.as_secs_f64() / age.max(FRESH).as_secs_f64();
        let ratio = self.ceiling?.as_per_second() / start.as_per_second();
        Some(start.scaled(ratio.powf(trust)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: f64) -> Rate {
        Rate::per_second(requests).expect("a valid rate")
    }

    fn learned() -> Learned {
        Learned::new(
            Some(rate(32.0)),
            rate(30.0),
            Duration::from_millis(1500),
            Duration::from_secs(9),
        )
    }

    fn window() -> RememberedWindow {
        let second = Duration::from_secs;
        RememberedWindow {
            kind: LimitKind::FixedWindow,
            count: 100,
            length: second(60),
            ends_from: second(4_000_000_020),
            ends_until: second(4_000_000_021),
            last_used: second(4_000_000_010),
        }
    }

    #[test]
    fn fresh_knowledge_is_taken_at_its_word_and_old_knowledge_decays_to_the_start() {
        let after = |age| {
            learned()
                .ceiling_after(age, rate(2.0))
                .expect("this law's")
                .as_per_second()
        };
        assert_eq!(after(FRESH), 32.0);
        assert_eq!(after(2 * FRESH), 8.0);
        assert!(after(1000 * FRESH) < 2.01);
    }

    #[test]
    fn knowledge_of_another_law_is_not_used() {
        let other = Learned {
            law_version: LAW_VERSION + 1,
            ..learned()
        };
        assert_eq!(other.ceiling_after(Duration::ZERO, rate(2.0)), None);
    }

    #[test]
    fn knowledge_survives_a_round_trip_through_text() {
        let sent = vec![SentBefore {
            last: Duration::from_millis(4_000_000_000_250),
            cost: 3,
        }];
        let limit = "60s".to_owned();
        let known = learned().with_known_limits(vec![KnownUsage { limit, sent }]);
        let window = learned().with_hidden_window(Some(window()));
        for learned in [learned(), known, window] {
            let text = serde_json::to_string(&learned).expect("plain numbers");
            let again = serde_json::from_str::<Learned>(&text).expect("the same");
            assert_eq!(again, learned);
            assert!(again.is_as(&learned));
        }
    }

    #[test]
    fn a_window_that_cannot_be_read_leaves_the_rest_valid() {
        let of = |window: &str| {
            let rest = r#"{"law_version": 1, "ceiling_per_second": 4.0, "rate_per_second": 3.9,
                "last_pause_seconds": 1.0, "learned_at_unix_seconds": 9.0"#;
            let text = format!("{rest}{window}}}");
            let learned = serde_json::from_str::<Learned>(&text).expect("the rest is valid");
            assert_eq!(learned.ceiling(), Some(rate(4.0)));
            learned.hidden_window
        };
        assert_eq!(of(""), None, "as it was stored before windows were");
        for window in [
            "null",
            "7",
            r#"{"kind": "of_the_future"}"#,
            r#"{"kind": "fixed_window", "count": -1}"#,
        ] {
            assert_eq!(of(&format!(", \"hidden_window\": {window}")), None);
        }
        let text = serde_json::to_string(&window()).expect("plain numbers");
        assert_eq!(of(&format!(", \"hidden_window\": {text}")), Some(window()));
    }

    #[test]
    fn a_window_is_remembered_as_long_as_a_rate() {
        let learned = learned().with_hidden_window(Some(window()));
        let after = |age| learned.hidden_window(Duration::from_secs(9) + age);
        assert_eq!(after(FRESH), Some(&window()));
        assert_eq!(after(FRESH + Duration::from_secs(1)), None);
    }
}
