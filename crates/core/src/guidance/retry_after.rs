//! Reads the waits that headers ask for directly: `Retry-After` and similar headers.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::name;
use super::reset::{CREDIBLE, ServerClock, epoch, span};
use crate::headers::lines::{MOST_PARTS, lines, parts, text};
use crate::number::{MILLISECOND, Number, SECOND};

/// Headers with waits in milliseconds, which are the most exact and therefore come first: Azure's and
/// openai-python's, Cosmos DB's, AWS's (milliseconds despite its name: botocore `retries/standard.py`).
const IN_MILLISECONDS: [&str; 3] = ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"];

/// The field of RFC 9110, which other names are made from.
const FIELD: &str = "retry-after";

/// Returns the wait of the most exact header. `others` is the wait found beside limits
/// (`X-RateLimit-Retry-After`), which comes last.
pub(super) fn wait(
    headers: &HeaderMap,
    others: Option<Duration>,
    clock: &ServerClock,
) -> Option<Duration> {
    let milliseconds = || {
        IN_MILLISECONDS.iter().find_map(|name| {
            lines(headers, name)
                .filter_map(|line| counted(&line, MILLISECOND))
                .max()
        })
    };
    milliseconds()
        .or_else(|| similar_headers(headers, clock, true))
        .or_else(|| longest(headers, FIELD, clock))
        .or_else(|| similar_headers(headers, clock, false).max(others))
}

/// Returns the longest wait of headers whose name contains the field's: of those in milliseconds if `exact`,
/// else of the others.
fn similar_headers(headers: &HeaderMap, clock: &ServerClock, exact: bool) -> Option<Duration> {
    let of_unit = |(name, value)| {
        let unit = unit_of_similar(HeaderName::as_str(name))?;
        (exact == (unit < SECOND)).then_some((unit, value))
    };
    let named = headers.iter().filter_map(of_unit).take(MOST_PARTS);
    let wait = |(unit, value)| match unit {
        SECOND => read_line(&text(value)?, clock),
        unit => counted(&text(value)?, unit),
    };
    named.filter_map(wait).max()
}

/// Returns the unit of a wait whose header name has a prefix or a unit around the field's name:
/// `X-Retry-After`, `X-Retry-After-Ms`, `Retry-After-Seconds`.
///
/// Names with a limit in them are read with the limit. `Beta-*` announces future limits.
fn unit_of_similar(name: &str) -> Option<i128> {
    let (front, behind) = name.split_once(FIELD)?;
    let is_other = name == FIELD || IN_MILLISECONDS.contains(&name) || front.contains("limit");
    let is_part = !front.is_empty() && !front.ends_with('-');
    if is_other || is_part || front.split('-').any(|word| word == "beta") {
        return None;
    }
    match behind.strip_prefix('-') {
        Some(unit) => name::unit_of(unit),
        None => behind.is_empty().then_some(SECOND),
    }
}

/// Returns the longest wait of a line that counts in this unit.
fn counted(line: &str, unit: i128) -> Option<Duration> {
    parts(line).filter_map(|part| units(part, unit)).max()
}

/// Returns the longest wait among the lines of a field. Two proxies may each have added one, and the most
/// restrictive one counts. An invalid line does not hide a valid one.
fn longest(headers: &HeaderMap, name: &str, clock: &ServerClock) -> Option<Duration> {
    lines(headers, name)
        .filter_map(|line| read_line(&line, clock))
        .max()
}

/// Returns the longest wait of one line, which a library may have joined from several.
pub(super) fn read_line(line: &str, clock: &ServerClock) -> Option<Duration> {
    read(line, clock).or_else(|| parts(line).filter_map(|part| read(part, clock)).max())
}

/// Reads one wait: delay-seconds or a date (RFC 9110, section 10.2.3), and beyond it seconds with decimals.
///
/// Signs, exponents, units and words are invalid. A date in the past is a wait of zero.
fn read(text: &str, clock: &ServerClock) -> Option<Duration> {
    match Number::parse(text) {
        Some(number) => seconds(number, clock),
        None => clock.date_ahead(text).map(span),
    }
}

/// Converts seconds to a wait. A server may send an epoch by mistake: a wait of 31 years or more counts as an
/// epoch if that is within a year of now.
pub(super) fn seconds(number: Number, clock: &ServerClock) -> Option<Duration> {
    if number.is_negative() {
        return None;
    }
    let ahead = epoch(number).map(|instant| clock.ahead(instant));
    match ahead.filter(|ahead| (-CREDIBLE..=CREDIBLE).contains(ahead)) {
        Some(ahead) => Some(span(ahead)),
        None => Some(span(number.times(SECOND))),
    }
}

/// Reads a number of units, each `unit` nanoseconds long, with or without decimals.
pub(super) fn units(text: &str, unit: i128) -> Option<Duration> {
    let number = Number::parse(text).filter(|number| !number.is_negative())?;
    Some(span(number.times(unit)))
}
