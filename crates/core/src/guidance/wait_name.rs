//! Names of headers that contain a wait: what may stand around `retry-after`.

use crate::duration::{DAY, HOUR, MINUTE};
use crate::number::{MILLISECOND, SECOND};

/// The field of RFC 9110, which other names are made from.
pub(super) const FIELD: &str = "retry-after";

/// Headers with waits in milliseconds, which are the most exact and therefore come first: Azure's and
/// openai-python's, Cosmos DB's, AWS's (milliseconds despite its name: botocore `retries/standard.py`).
pub(super) const IN_MILLISECONDS: [&str; 3] =
    ["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"];

/// Words that name the unit of a time.
const UNITS: &[(&[&str], i128)] = &[
    (
        &["ms", "msec", "millis", "millisecond", "milliseconds"],
        MILLISECOND,
    ),
    (&["s", "sec", "secs", "seconds"], SECOND),
    (&["mins", "minutes"], MINUTE * SECOND),
    (&["hours"], HOUR * SECOND),
    (&["days"], DAY * SECOND),
];

/// Words behind the field's name of headers that are about something else than the wait itself
/// (`Retry-After-Policy`, `Retry-After-Reason`). Any other word names a limit: throttlers with names send
/// `Retry-After-medium: 10` (rate limiters of NestJS, `@nestjs/throttler`).
const OTHER_THINGS: [&str; 46] = [
    "action",
    "allowed",
    "attempt",
    "attempts",
    "base",
    "budget",
    "code",
    "comment",
    "cost",
    "count",
    "description",
    "disabled",
    "enabled",
    "factor",
    "format",
    "header",
    "id",
    "jitter",
    "key",
    "limit",
    "max",
    "message",
    "min",
    "mode",
    "multiplier",
    "name",
    "override",
    "percent",
    "period",
    "policies",
    "policy",
    "reason",
    "remaining",
    "retries",
    "scope",
    "source",
    "status",
    "strategy",
    "supported",
    "total",
    "type",
    "unit",
    "units",
    "used",
    "version",
    "window",
];

/// Returns the unit of a time that a word names, in nanoseconds.
pub(super) fn unit_of(word: &str) -> Option<i128> {
    UNITS
        .iter()
        .find(|(words, _)| words.contains(&word))
        .map(|&(_, unit)| unit)
}

/// Returns the unit of a wait whose header name has something around the field's name: a prefix, the name of a
/// limit, a unit (`X-Retry-After`, `Retry-After-medium`, `X-Retry-After-Ms`, `Retry-After-Seconds`).
///
/// Names with a limit in front are read with the limit. `Beta-*` announces future limits.
pub(super) fn unit_of_similar(name: &str) -> Option<i128> {
    if name == FIELD || IN_MILLISECONDS.contains(&name) {
        return None;
    }
    // A gateway may pass a header on under the name of its variable: `HTTP_RETRY_AFTER`.
    let name = name.replace('_', "-");
    let (front, behind) = name.split_once(FIELD)?;
    let is_part = !front.is_empty() && !front.ends_with('-');
    if front.contains("limit") || is_part || front.split('-').any(|word| word == "beta") {
        return None;
    }
    match behind.strip_prefix('-') {
        Some(words) => unit_behind(words),
        None => behind.is_empty().then_some(SECOND),
    }
}

/// Returns the unit of a wait by the words behind the field's name: the one that they name at their end, else
/// seconds. `None` if they are about something else than a wait.
fn unit_behind(words: &str) -> Option<i128> {
    let mut words = words.split(['-', '_']).peekable();
    let mut unit = SECOND;
    while let Some(word) = words.next() {
        if word.is_empty() || OTHER_THINGS.contains(&word) {
            return None;
        }
        if let Some(named) = unit_of(word).filter(|_| words.peek().is_none()) {
            unit = named;
        }
    }
    Some(unit)
}

/// Returns whether a name with the field's name in it, after the marker of a limit, is that of a wait:
/// `X-RateLimit-Retry-After-Reason` is not.
pub(super) fn is_wait(behind_marker: &str) -> bool {
    let name = behind_marker.replace('_', "-");
    let after = [FIELD, "retryafter"]
        .iter()
        .find_map(|field| name.split_once(field));
    let words = after.and_then(|(_, words)| words.strip_prefix('-'));
    words.is_none_or(|words| unit_behind(words).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_behind_the_field_is_a_unit_or_the_name_of_a_limit_or_something_else() {
        for (name, unit) in [
            ("x-retry-after", Some(SECOND)),
            ("http_retry_after", Some(SECOND)),
            ("retry-after-seconds", Some(SECOND)),
            ("retry-after-minutes", Some(MINUTE * SECOND)),
            ("acme-retry-after-millis", Some(MILLISECOND)),
            ("retry-after-millisecond", Some(MILLISECOND)),
            // Names of throttlers.
            ("retry-after-medium", Some(SECOND)),
            ("retry-after-per-minute", Some(SECOND)),
            ("retry-after-burst-ms", Some(MILLISECOND)),
            ("x-retry-after-user-login", Some(SECOND)),
            // Something else than a wait.
            ("retry-after-policy", None),
            ("retry-after-reason", None),
            ("retry-after-unit", None),
            ("retry-after-multiplier", None),
            ("retry-after-medium-policy", None),
            ("retry-after-", None),
            ("beta-retry-after", None),
            ("noretry-after", None),
            ("x-ratelimit-retry-after", None),
            ("retry-after", None),
        ] {
            assert_eq!(unit_of_similar(name), unit, "{name}");
        }
    }
}
