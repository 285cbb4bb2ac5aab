//! The waits that headers ask for directly: `Retry-After` and its cousins.

use std::time::Duration;

use http::HeaderMap;

use super::lines::{lines, parts};
use super::number::{MILLISECOND, Number, SECOND};
use super::reset::{CREDIBLE, Clocks, LONGEST, epoch, span};

/// Waits in milliseconds, most exact and therefore first: Azure and openai-python's, Cosmos DB's, AWS's
/// (milliseconds despite its name: botocore `retries/standard.py`).
const IN_MILLISECONDS: [&str; 3] = ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"];

/// Waits in seconds under a name of their own; `X-RateLimit-Retry-After` and its kin join them.
const IN_SECONDS: [&str; 1] = ["x-retry-after"];

/// The wait that the headers ask for, by the most exact of them; `others` are those found beside limits
/// (`X-RateLimit-Retry-After`), which come last.
pub(super) fn wait(
    headers: &HeaderMap,
    others: Option<Duration>,
    clocks: &Clocks,
) -> Option<Duration> {
    let named = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| longest(headers, name, clocks))
            .max()
    };
    let milliseconds = || {
        IN_MILLISECONDS.iter().find_map(|name| {
            lines(headers, name)
                .flat_map(|line| parts(&line).filter_map(milliseconds).max())
                .max()
        })
    };
    milliseconds()
        .or_else(|| named(&["retry-after"]))
        .or_else(|| named(&IN_SECONDS).max(others))
}

/// The longest wait among the lines of a field: two proxies may each have added one, and the most
/// restrictive is the one to obey. A bad line does not hide a good one.
fn longest(headers: &HeaderMap, name: &str, clocks: &Clocks) -> Option<Duration> {
    lines(headers, name)
        .filter_map(|line| read_line(&line, clocks))
        .max()
}

/// The longest wait of one line, which a library may have joined from several.
pub(super) fn read_line(line: &str, clocks: &Clocks) -> Option<Duration> {
    read(line, clocks).or_else(|| parts(line).filter_map(|part| read(part, clocks)).max())
}

/// One wait: delay-seconds or a date (RFC 9110, section 10.2.3), seconds with decimals beyond it.
///
/// Signs, exponents, units and words are refused. A date in the past is a wait of zero.
fn read(text: &str, clocks: &Clocks) -> Option<Duration> {
    match Number::parse(text) {
        Some(number) => seconds(number, clocks),
        None => clocks.date_ahead(text).map(span),
    }
}

/// Seconds to wait, unless the number is an epoch by mistake: a wait of 31 years and more that, read as
/// an epoch, lies within a year of now.
pub(super) fn seconds(number: Number, clocks: &Clocks) -> Option<Duration> {
    if number.is_negative() {
        return None;
    }
    let ahead = epoch(number).map(|instant| clocks.ahead(instant));
    match ahead.filter(|ahead| (-CREDIBLE..=CREDIBLE).contains(ahead)) {
        Some(ahead) => Some(span(ahead)),
        None => Some(span(number.times(SECOND))),
    }
}

/// Milliseconds to wait, with or without decimals.
pub(super) fn milliseconds(text: &str) -> Option<Duration> {
    let number = Number::parse(text).filter(|number| !number.is_negative())?;
    Some(span(number.times(MILLISECOND)).min(LONGEST))
}
