//! Reads limits that a refusal names in a sentence: "Rate limit exceeded: 10 per 10 second", "5 per 1 hour".
//!
//! flask-limiter and slowapi describe the limit that was hit like that, and their applications often send nothing
//! else (flask-limiter.readthedocs.io, rate limit string notation; slowapi `_rate_limit_exceeded_handler`). The
//! numbers are a limit and its window, and never a wait: the window began at an unknown time.

use std::time::Duration;

use super::policy::{Policy, Unit};
use super::reset::span;
use crate::duration;
use crate::number::Number;

/// Maximum number of limits that are read of one body.
pub(super) const MOST_LIMITS: usize = 4;

/// Words between an amount and its window; a slash is another one.
const PER: [&str; 3] = ["per", "every", "each"];

/// Maximum number of words between the amount and `per`: `100 API requests per minute`.
const MOST_BETWEEN: usize = 2;

/// Words for requests. Amounts of other things, such as dollars, are not limits.
const REQUESTS: [&str; 13] = [
    "req", "reqs", "request", "requests", "call", "calls", "query", "queries", "hit", "hits",
    "time", "times", "attempts",
];

/// Returns the limits that a text names, at most [`MOST_LIMITS`].
pub(super) fn limits<'a>(text: &'a str) -> impl Iterator<Item = Policy> + 'a {
    let words = words(text);
    // The words before the current one, latest last.
    let mut before: [&str; MOST_BETWEEN + 1] = Default::default();
    let mut rest = words;
    std::iter::from_fn(move || {
        let add = |before: &mut [&'a str; MOST_BETWEEN + 1], word| {
            before.rotate_left(1);
            before[MOST_BETWEEN] = word;
        };
        while let Some(word) = rest.next() {
            let limit = match word.split_once('/') {
                // `10/minute`, `10 requests/minute`. A word with several slashes is a path.
                Some((amount, window)) if !window.contains('/') => {
                    add(&mut before, amount);
                    limit(&before, &mut std::iter::once(window).chain(rest.clone()))
                }
                _ if PER.iter().any(|per| word.eq_ignore_ascii_case(per)) => {
                    limit(&before, &mut rest.clone())
                }
                _ => None,
            };
            add(&mut before, word);
            if limit.is_some() {
                return limit;
            }
        }
        None
    })
    .take(MOST_LIMITS)
}

/// Splits a text into words: letters and digits, and what may stand inside numbers and between them.
fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | ',' | '/')))
        .map(|word| word.trim_matches(['.', ',']))
        .filter(|word| !word.is_empty())
}

/// Returns the limit whose amount stands in the words before `per`, and whose window stands in those behind it.
fn limit<'a>(before: &[&str], behind: &mut impl Iterator<Item = &'a str>) -> Option<Policy> {
    // The amount is the nearest number; a word between says what is counted.
    let (at, limit) = before
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, word)| Some((at, amount(word)?)))?;
    let unit = match before[at + 1..].last() {
        None => Unit::Requests,
        Some(word)
            if REQUESTS
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known)) =>
        {
            Unit::Requests
        }
        Some(word) if word.eq_ignore_ascii_case("tokens") => Unit::Tokens,
        Some(_) => return None,
    };
    // The window: `minute`, `10s`, or a number and its unit.
    let first = behind.next()?;
    let window = duration::unit_nanos(first)
        .or_else(|| duration::nanos(first))
        .or_else(|| {
            let number = Number::parse(first)?;
            Some(number.times(duration::unit_nanos(behind.next()?)?))
        });
    let window = span(window?);
    (limit > 0 && window > Duration::ZERO).then_some(Policy {
        limit: Some(limit),
        window: Some(window),
        unit,
        ..Policy::default()
    })
}

/// Reads a whole amount, perhaps with separators of thousands: `1,000`.
fn amount(word: &str) -> Option<u64> {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::parse(word)?.count();
    }
    let mut groups = word.split(',');
    let first = groups.next()?;
    let is_grouped = (1..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_digit())
        && groups.all(|group| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit()));
    is_grouped
        .then(|| Number::parse(&word.replace(',', ""))?.count())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(u64, u64)> {
        limits(text)
            .map(|policy| {
                let window = policy.window.map(|window| window.as_secs());
                (policy.limit.unwrap_or(0), window.unwrap_or(0))
            })
            .collect()
    }

    #[test]
    fn sentences_of_common_libraries_name_a_limit_and_its_window() {
        for (text, limit) in [
            // slowapi
            ("Rate limit exceeded: 10 per 10 second", (10, 10)),
            ("10 per 1 minute", (10, 60)),
            // flask-limiter
            ("<p>5 per 1 hour</p>", (5, 3600)),
            ("10 requests per 1 minute", (10, 60)),
            ("You may send 1,000 API calls per day.", (1000, 86_400)),
            ("at most 3 requests per 10s", (3, 10)),
            ("(2 PER 15 Minutes)", (2, 900)),
            ("Limit: 10 requests/minute", (10, 60)),
            ("limited to 5/second.", (5, 1)),
            ("100 reqs/10s", (100, 10)),
            ("at most 60 requests every 2 minutes", (60, 120)),
            ("1 call each second", (1, 1)),
        ] {
            assert_eq!(of(text), [limit], "{text}");
        }
        assert_eq!(
            of("10 per 1 second, 100 per minute; 1000 per 1 hour"),
            [(10, 1), (100, 60), (1000, 3600)]
        );
    }

    #[test]
    fn other_sentences_name_none() {
        for text in [
            "",
            "per",
            "10 per",
            "per 10 seconds",
            "10 dollars per month",
            "Try again in 10 seconds",
            "10 per cent",
            "Queries per minute per user",
            "ten per minute",
            "0 per minute",
            "10 per 0 seconds",
            "1.5 per minute",
            "10,00 per minute",
            "10 per -1 apples",
            "/v1/10/day",
            "https://api.example.com/10/day",
            "12/05/2026",
            "10/12",
            "application/json 5/s/x",
            "every 5 minutes",
        ] {
            assert_eq!(of(text), [], "{text:?}");
        }
        let long = "10 per 1 minute ".repeat(1000);
        assert_eq!(of(&long).len(), MOST_LIMITS);
    }
}
