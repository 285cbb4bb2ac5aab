//! Reads when a limit resets, from a number, a duration or a date, as time ahead of the server's now.
//!
//! A bare number says nothing about its unit, and not even the IETF's names guarantee one: GitLab,
//! DigitalOcean and Twitch send epochs in `RateLimit-Reset`. The size of the number tells the unit. No window
//! is as long as 30 years, and epochs of this century in seconds, milli-, micro- and nanoseconds differ by a
//! factor of 1000.

use std::time::Duration;

use http::HeaderMap;

use super::date;
use crate::duration;
use crate::headers::lines::lines;
use crate::number::{MILLISECOND, Number, SECOND};

/// Longest time that is returned: 2^31 seconds, 68 years, the value that RFC 9111 (section 1.2.2) assigns to
/// delta-seconds that overflow. It is small enough to be added to any clock.
pub(super) const LONGEST: Duration = Duration::from_secs(1 << 31);

/// Smallest number that is an epoch in seconds. As an epoch it is in 2001; as a wait it would be 31 years.
const EPOCH_SECONDS: u64 = 1_000_000_000;

/// Smallest number that is an epoch in milliseconds. As such it is in 1973; in seconds it would be the year
/// 5138.
const EPOCH_MILLISECONDS: u64 = 100_000_000_000;

/// Smallest number that is an epoch in microseconds.
const EPOCH_MICROSECONDS: u64 = 100_000_000_000_000;

/// Smallest number that is an epoch in nanoseconds (Go's `UnixNano`).
const EPOCH_NANOSECONDS: u64 = 100_000_000_000_000_000;

/// Farthest instant that is accepted, in nanoseconds from now: 366 days. No limit has a longer window, so a
/// later instant is a mistake or in another unit.
pub(super) const CREDIBLE: i128 = 366 * 86_400 * SECOND;

/// The clock of the server, in which it writes absolute times.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerClock {
    /// The server's now, in nanoseconds since 1970.
    now: i128,
}

impl ServerClock {
    /// Reads the server's clock from the `Date` of its response; `client` is the client's wall time.
    ///
    /// Okta advises to subtract `Date` and not the local clock, which may be wrong by minutes. A response
    /// from a cache is older than now by its `Age` (RFC 9111, section 4.2.3). Without `Date` both clocks
    /// count as equal.
    pub(super) fn new(client: Duration, headers: &HeaderMap) -> Self {
        let local = i128::try_from(client.as_nanos()).unwrap_or(i128::MAX);
        let date = lines(headers, "date").find_map(|line| date::parse(&line, local));
        let now = date.map_or(local, |date| date.saturating_add(age(headers)));
        Self { now }
    }

    /// Returns how far an instant, in nanoseconds since 1970 by this clock, is ahead of now.
    pub(super) fn ahead(&self, instant: i128) -> i128 {
        instant.saturating_sub(self.now)
    }

    /// Returns how far the date that a text names is ahead of now.
    pub(super) fn date_ahead(&self, text: &str) -> Option<i128> {
        date::parse(text, self.now).map(|instant| self.ahead(instant))
    }
}

/// Returns the nanoseconds since the response was generated if it comes from a cache, else 0.
pub(super) fn age(headers: &HeaderMap) -> i128 {
    let age = lines(headers, "age").find_map(|line| Number::parse(&line));
    age.map_or(0, |age| {
        age.times(SECOND).clamp(0, LONGEST.as_nanos() as i128)
    })
}

/// Converts nanoseconds to a duration: 0 if they are negative, at most [`LONGEST`].
pub(super) fn span(nanos: i128) -> Duration {
    match u64::try_from(nanos.max(0)) {
        Ok(nanos) => Duration::from_nanos(nanos).min(LONGEST),
        Err(_) => LONGEST,
    }
}

/// Returns the instant of a number that is large enough to be an epoch, in nanoseconds since 1970. In a field of
/// milliseconds, as `unit` says, only epochs in milliseconds or finer units are large enough.
pub(super) fn epoch(number: Number, unit: i128) -> Option<i128> {
    if unit < SECOND && number.whole() < EPOCH_MILLISECONDS {
        return None;
    }
    let unit = match number.whole() {
        EPOCH_NANOSECONDS.. => 1,
        EPOCH_MICROSECONDS.. => 1_000,
        EPOCH_MILLISECONDS.. => MILLISECOND,
        EPOCH_SECONDS.. => SECOND,
        _ => return None,
    };
    (!number.is_negative()).then(|| number.times(unit))
}

/// Reads a reset field, in nanoseconds ahead of now; negative if the reset has passed.
///
/// `unit` is the unit of small numbers: a second, unless the field's name or the vendor's profile says
/// otherwise. A difference in milliseconds looks like any other number. Durations are tried before dates, so
/// that `6m0s` is not read as a date. An instant too far ahead is ignored.
pub(super) fn read(text: &str, unit: i128, clock: &ServerClock) -> Option<i128> {
    let text = text.trim_matches('"');
    if let Some(number) = Number::parse(text) {
        return match epoch(number, unit) {
            Some(instant) => credible(clock.ahead(instant)),
            None => Some(number.times(unit).max(0)),
        };
    }
    match duration::nanos(text) {
        Some(nanos) => Some(nanos.max(0)),
        None => clock.date_ahead(text).and_then(credible),
    }
}

/// Returns a time unless it is too far ahead.
pub(super) fn credible(ahead: i128) -> Option<i128> {
    (ahead <= CREDIBLE).then_some(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01T00:00:00Z in seconds.
    const NOW: u64 = 1_767_225_600;

    fn clock() -> ServerClock {
        ServerClock::new(Duration::from_secs(NOW), &HeaderMap::new())
    }

    fn seconds(text: &str) -> Option<f64> {
        read(text, SECOND, &clock()).map(|nanos| nanos as f64 / 1e9)
    }

    #[test]
    fn the_size_of_a_number_tells_its_unit() {
        for text in [
            "60",
            "60.0",
            "1767225660",
            "1767225660.0",
            "1767225660000",
            "1767225660000000",
            "1767225660000000000",
        ] {
            assert_eq!(seconds(text), Some(60.0), "{text:?}");
        }
        assert_eq!(seconds("999999999"), Some(999_999_999.0));
        assert_eq!(seconds("1767225660250.5"), Some(60.2505));
    }

    #[test]
    fn a_reset_in_the_past_is_never_a_wait() {
        assert_eq!(seconds("-30"), Some(0.0));
        assert_eq!(seconds("-1767225660"), Some(0.0));
        assert_eq!(seconds("-5m"), Some(0.0));
        assert_eq!(seconds("1767225595"), Some(-5.0));
        assert_eq!(span(-5), Duration::ZERO);
    }

    #[test]
    fn an_instant_more_than_366_days_ahead_is_not_believed() {
        assert_eq!(seconds("4102444800"), None);
        assert_eq!(seconds("99999999999999999999"), None);
        assert_eq!(seconds("Fri, 01 Jan 2100 00:00:00 GMT"), None);
        assert_eq!(seconds("2100-01-01T00:00:00Z"), None);
        assert_eq!(
            seconds(&(NOW + 366 * 86_400).to_string()),
            Some(366.0 * 86_400.0)
        );
        assert_eq!(seconds(&(NOW + 366 * 86_400 + 1).to_string()), None);
    }

    #[test]
    fn milliseconds_are_known_from_outside_and_epochs_remain_epochs() {
        let read = |text| read(text, MILLISECOND, &clock()).map(|nanos| nanos as f64 / 1e9);
        assert_eq!(read("600000"), Some(600.0));
        assert_eq!(read("2592000000"), Some(2_592_000.0));
        assert_eq!(read("1767225660000"), Some(60.0));
        assert_eq!(read("90s"), Some(90.0));
    }

    #[test]
    fn the_servers_clock_is_the_base_of_instants() {
        let mut headers = HeaderMap::new();
        headers.append("date", http::HeaderValue::from_static("nonsense"));
        headers.append(
            "date",
            http::HeaderValue::from_static("Thu, 01 Jan 2026 00:10:00 GMT"),
        );
        let clock = ServerClock::new(Duration::from_secs(NOW), &headers);
        assert_eq!(read("1767226260", SECOND, &clock), Some(60 * SECOND));
        assert_eq!(read("60", SECOND, &clock), Some(60 * SECOND));
        headers.append("age", http::HeaderValue::from_static("30"));
        let clock = ServerClock::new(Duration::from_secs(NOW), &headers);
        assert_eq!(read("1767226260", SECOND, &clock), Some(30 * SECOND));
    }

    #[test]
    fn a_clock_at_either_end_overflows_nothing() {
        for now in [Duration::ZERO, Duration::MAX] {
            let clock = ServerClock::new(now, &HeaderMap::new());
            for ahead in [i128::MIN + 1, -1, 0, 1, i128::MAX] {
                let _ = clock.ahead(ahead);
            }
            let _ = read("1767225660", SECOND, &clock);
            let _ = read("Thursday, 01-Jan-26 00:01:00 GMT", SECOND, &clock);
        }
    }
}
