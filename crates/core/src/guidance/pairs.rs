//! Limits written as pairs in one header: draft 07's `RateLimit: limit=100, remaining=50, reset=5`, Zendesk's
//! `total=100; remaining=99; resets=41`.

use std::time::Duration;

use super::name::Field;
use super::quota;
use super::reset::{self, ServerClock};
use crate::headers::lines::{BLANKS, MOST_PARTS, unquoted};
use crate::number::{Number, SECOND};

/// One limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) limit: Option<u64>,
    pub(super) used: Option<u64>,
    pub(super) remaining: Option<u64>,
    /// Nanoseconds until it resets.
    pub(super) reset: Option<i128>,
    pub(super) window: Option<Duration>,
    /// Fields that were set so far.
    fields: Vec<Field>,
}

/// Returns the limits of the `rows` before and of this line: lines of one header are one list (RFC 9110,
/// section 5.3).
///
/// A key that repeats begins another limit. Keys may have any order, and unknown keys are skipped. A known
/// key with an invalid value makes the whole line invalid, as the draft demands.
pub(super) fn rows(before: &[Row], line: &str, clock: &ServerClock) -> Vec<Row> {
    let mut rows = before.to_vec();
    let mut rest = Some(line);
    for _ in 0..MOST_PARTS {
        let Some(line) = rest else { break };
        let end = unquoted(line, &[',', ';']).unwrap_or(line.len());
        let pair = &line[..end];
        rest = line.get(end + 1..);
        let Some((key, value)) = pair.split_once('=') else {
            continue;
        };
        let key = key.trim_matches(BLANKS).to_ascii_lowercase();
        let Some(field) = Field::of_key(&key) else {
            continue;
        };
        if rows.last().is_none_or(|row| row.fields.contains(&field)) {
            if rows.len() == MOST_PARTS {
                break;
            }
            rows.push(Row::default());
        }
        let value = value.trim_matches(BLANKS).trim_matches('"');
        let set = rows.last_mut().and_then(|row| row.set(field, value, clock));
        if set.is_none() {
            return before.to_vec();
        }
    }
    rows
}

impl Row {
    /// Sets a field; `None` if the value is invalid.
    fn set(&mut self, field: Field, value: &str, clock: &ServerClock) -> Option<()> {
        let number = || Number::parse(value).and_then(Number::count);
        self.fields.push(field);
        match field {
            Field::Limit => self.limit = Some(number()?),
            Field::Used => self.used = Some(number()?),
            Field::Remaining => self.remaining = Some(number()?),
            Field::Window => self.window = Some(quota::window(value, SECOND)?),
            _ if value.starts_with('-') => return None,
            _ => self.reset = Some(reset::read(value, SECOND, clock)?),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<(Option<u64>, Option<u64>, Option<i128>)> {
        let clock = ServerClock::new(Duration::from_secs(1_767_225_600), &http::HeaderMap::new());
        let short = |row: Row| {
            (
                row.limit,
                row.remaining,
                row.reset.map(|reset| reset / SECOND),
            )
        };
        rows(&[], line, &clock).into_iter().map(short).collect()
    }

    #[test]
    fn pairs_are_read_in_any_order_and_spacing() {
        let whole = (Some(100), Some(50), Some(5));
        assert_eq!(of("limit=100, remaining=50, reset=5"), [whole]);
        assert_eq!(of("reset=5,remaining=50;limit=100"), [whole]);
        assert_eq!(
            of("Total = 100; burst=7; Remaining = \"50\"; resets = 5"),
            [whole]
        );
        assert_eq!(of("limit=10, reset=1"), [(Some(10), None, Some(1))]);
        assert_eq!(
            of("limit=100, remaining=50, policy=\"9;w=60, reset=7\", reset=5"),
            [whole]
        );
        assert_eq!(of("unlimited"), []);
    }

    #[test]
    fn a_key_that_comes_again_begins_another_limit() {
        let line = "limit=100, remaining=50, reset=5, limit=10, remaining=0, reset=1";
        assert_eq!(
            of(line),
            [(Some(100), Some(50), Some(5)), (Some(10), Some(0), Some(1))]
        );
    }

    #[test]
    fn a_malformed_number_spoils_the_line() {
        for line in [
            "limit=abc, remaining=0, reset=5",
            "limit=1, remaining=-1",
            "limit=1, reset=-5",
            "limit=1;w=0",
            "limit=",
        ] {
            assert_eq!(of(line), [], "{line:?}");
        }
    }
}
