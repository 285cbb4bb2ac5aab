//! Reads the waits that headers ask for directly: `Retry-After` and similar headers.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::reset::{CREDIBLE, ServerClock, epoch, span};
use super::wait_name::{self, FIELD, IN_MILLISECONDS};
use crate::duration;
use crate::headers::lines::{MOST_PARTS, lines, parts, text};
use crate::number::{MILLISECOND, Number, SECOND};

/// Returns the wait of the most exact header that asks for one. `others` is the wait found beside limits
/// (`X-RateLimit-Retry-After`), which comes last.
///
/// A wait of zero, or until a time that has passed, hides no other: it is returned only if all are like that.
pub(super) fn wait(
    headers: &HeaderMap,
    others: Option<Duration>,
    clock: &ServerClock,
) -> Option<Duration> {
    let milliseconds = || {
        let waits = IN_MILLISECONDS.iter().map(|name| {
            lines(headers, name)
                .filter_map(|line| in_unit(&line, MILLISECOND, clock))
                .max()
        });
        first_asked(waits)
    };
    let sources: [&dyn Fn() -> Option<Duration>; 4] = [
        &milliseconds,
        &|| similar_headers(headers, clock, true),
        &|| longest(headers, FIELD, clock),
        &|| similar_headers(headers, clock, false).max(others),
    ];
    first_asked(sources.into_iter().map(|wait| wait()))
}

/// Returns the first wait above zero; if there is none, zero if one of the waits is that.
pub(super) fn first_asked(waits: impl Iterator<Item = Option<Duration>>) -> Option<Duration> {
    let mut zero = None;
    for wait in waits.flatten() {
        if !wait.is_zero() {
            return Some(wait);
        }
        zero = Some(wait);
    }
    zero
}

/// Returns the longest wait of headers whose name contains the field's: of those in milliseconds if `exact`,
/// else of the others.
fn similar_headers(headers: &HeaderMap, clock: &ServerClock, exact: bool) -> Option<Duration> {
    let of_unit = |(name, value)| {
        let unit = wait_name::unit_of_similar(HeaderName::as_str(name))?;
        (exact == (unit < SECOND)).then_some((unit, value))
    };
    let named = headers.iter().filter_map(of_unit).take(MOST_PARTS);
    let wait = |(unit, value)| in_unit(&text(value)?, unit, clock);
    named.filter_map(wait).max()
}

/// Returns the longest wait among the lines of a field. Two proxies may each have added one, and the most
/// restrictive one counts. An invalid line does not hide a valid one.
fn longest(headers: &HeaderMap, name: &str, clock: &ServerClock) -> Option<Duration> {
    lines(headers, name)
        .filter_map(|line| in_unit(&line, SECOND, clock))
        .max()
}

/// Returns the longest wait of one line, which counts in this unit, and which a library may have joined from several.
pub(super) fn in_unit(line: &str, unit: i128, clock: &ServerClock) -> Option<Duration> {
    let longest = || {
        let waits = parts(line).filter_map(|part| read(part, unit, clock));
        waits.max()
    };
    read(line, unit, clock).or_else(longest)
}

/// Reads one wait: delay-seconds or a date (RFC 9110, section 10.2.3), and beyond it numbers of another unit, decimals,
/// and every form of [`duration`].
///
/// Signs and exponents are invalid, and so are words that are not units. A date in the past is a wait of zero.
fn read(text: &str, unit: i128, clock: &ServerClock) -> Option<Duration> {
    let text = duration::bare(text);
    match Number::parse(text) {
        Some(number) => counted(number, unit, clock),
        None => with_unit(text).or_else(|| clock.date_ahead(text).map(span)),
    }
}

/// Converts a number of units to a wait. A server may send an epoch by mistake: a number that is large enough for one
/// counts as that if it is within a year of now.
fn counted(number: Number, unit: i128, clock: &ServerClock) -> Option<Duration> {
    if number.is_negative() {
        return None;
    }
    let ahead = epoch(number, unit).map(|instant| clock.ahead(instant));
    match ahead.filter(|ahead| (-CREDIBLE..=CREDIBLE).contains(ahead)) {
        Some(ahead) => Some(span(ahead)),
        None => Some(span(number.times(unit))),
    }
}

/// Reads a duration that names its units. A negative one is invalid.
fn with_unit(text: &str) -> Option<Duration> {
    duration::nanos(text).filter(|nanos| *nanos >= 0).map(span)
}
