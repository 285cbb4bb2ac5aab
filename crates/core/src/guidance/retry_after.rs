//! The waits that headers ask for directly: `Retry-After` and its cousins.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::name;
use super::reset::{CREDIBLE, ServerClock, epoch, span};
use crate::headers::lines::{MOST_PARTS, lines, parts, text};
use crate::number::{MILLISECOND, Number, SECOND};

/// Waits in milliseconds, most exact and therefore first: Azure and openai-python's, Cosmos DB's, AWS's
/// (milliseconds despite its name: botocore `retries/standard.py`).
const IN_MILLISECONDS: [&str; 3] = ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"];

/// The field of RFC 9110, which others take their names from.
const FIELD: &str = "retry-after";

/// The wait that the headers ask for, by the most exact of them; `others` are those found beside limits
/// (`X-RateLimit-Retry-After`), which come last.
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
        .or_else(|| cousins(headers, clock, true))
        .or_else(|| longest(headers, FIELD, clock))
        .or_else(|| cousins(headers, clock, false).max(others))
}

/// The longest wait of those under names made of the field's: the exact ones, in milliseconds, or the
/// others.
fn cousins(headers: &HeaderMap, clock: &ServerClock, exact: bool) -> Option<Duration> {
    let of_unit = |(name, value)| {
        let unit = unit_of_cousin(HeaderName::as_str(name))?;
        (exact == (unit < SECOND)).then_some((unit, value))
    };
    let named = headers.iter().filter_map(of_unit).take(MOST_PARTS);
    let wait = |(unit, value)| match unit {
        SECOND => read_line(&text(value)?, clock),
        unit => counted(&text(value)?, unit),
    };
    named.filter_map(wait).max()
}

/// The unit of a wait whose name is made of the field's by something in front or a unit behind it:
/// `X-Retry-After`, `X-Retry-After-Ms`, `Retry-After-Seconds`.
///
/// Names with a limit in them are read with the limit; `Beta-*` is information about limits to come.
fn unit_of_cousin(name: &str) -> Option<i128> {
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

/// The longest of the waits in a line that counts such units.
fn counted(line: &str, unit: i128) -> Option<Duration> {
    parts(line).filter_map(|part| units(part, unit)).max()
}

/// The longest wait among the lines of a field: two proxies may each have added one, and the most
/// restrictive is the one to obey. A bad line does not hide a good one.
fn longest(headers: &HeaderMap, name: &str, clock: &ServerClock) -> Option<Duration> {
    lines(headers, name)
        .filter_map(|line| read_line(&line, clock))
        .max()
}

/// The longest wait of one line, which a library may have joined from several.
pub(super) fn read_line(line: &str, clock: &ServerClock) -> Option<Duration> {
    read(line, clock).or_else(|| parts(line).filter_map(|part| read(part, clock)).max())
}

/// One wait: delay-seconds or a date (RFC 9110, section 10.2.3), seconds with decimals beyond it.
///
/// Signs, exponents, units and words are refused. A date in the past is a wait of zero.
fn read(text: &str, clock: &ServerClock) -> Option<Duration> {
    match Number::parse(text) {
        Some(number) => seconds(number, clock),
        None => clock.date_ahead(text).map(span),
    }
}

/// Seconds to wait, unless the number is an epoch by mistake: a wait of 31 years and more that, read as
/// an epoch, lies within a year of now.
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

/// So many units of `unit` nanoseconds to wait, with or without decimals.
pub(super) fn units(text: &str, unit: i128) -> Option<Duration> {
    let number = Number::parse(text).filter(|number| !number.is_negative())?;
    Some(span(number.times(unit)))
}
