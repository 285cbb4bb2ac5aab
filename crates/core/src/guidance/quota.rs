//! Limits in force: how many in which window, written as an amount with a window of its own.
//!
//! Draft 00 to 03 put them into `RateLimit-Limit: 100, 100;w=60`, draft 04 on into `RateLimit-Policy`;
//! Envoy and Lokalise send the first form as `x-ratelimit-limit`, Riot writes `100:120`, others `100/minute`.

use std::time::Duration;

use super::policy::Policy;
use super::reset::span;
use super::structured::{self, Item};
use crate::duration;
use crate::headers::lines::{BLANKS, MOST_PARTS, parts, unquoted};
use crate::number::{Number, SECOND};

/// An amount as one part of a list names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    /// How many; `None` if it is no number, or one below zero ("no limit").
    pub(super) count: Option<u64>,
    /// The window beside it.
    pub(super) window: Option<Duration>,
    /// It has parameters, as only a policy in a list has: `100;w=60`.
    pub(super) parameters: bool,
}

/// The amounts of a line, by position.
pub(super) fn amounts(line: &str) -> impl Iterator<Item = Amount> {
    parts(line).map(amount)
}

/// The limits of a line, by position.
///
/// A fraction of one is no limit, and least of all 0: it is a rate. Amazon's Selling Partner API sends
/// requests per second, `x-amzn-ratelimit-limit: 0.0167` (developer-docs.amazon.com/sp-api, usage plans).
pub(super) fn limits(line: &str) -> impl Iterator<Item = Amount> {
    let is_fraction = |part| Number::take(part).is_some_and(|(number, _)| number.is_fraction());
    parts(line).map(move |part| match amount(part) {
        amount if is_fraction(part) => Amount {
            count: None,
            ..amount
        },
        amount => amount,
    })
}

/// One amount: `100`, `100;w=60`, `100:60`, `100/minute`, `100 per 10 minutes`; a lone duration (`1m`)
/// is the window of a limit that is not told (AspNetCoreRateLimit sends its period as the limit).
fn amount(part: &str) -> Amount {
    let end = unquoted(part, &[';']).unwrap_or(part.len());
    let (head, parameters) = (
        part[..end].trim_matches(BLANKS).trim_matches('"'),
        part.get(end + 1..),
    );
    let window = parameters.and_then(window_parameter);
    let beside = match Number::take(head) {
        Some((number, "")) => Some((number.count(), None)),
        Some((number, rest)) => {
            window_beside(rest).map(|window| (number.count(), Some(span(window))))
        }
        None => None,
    };
    let (count, own) = match beside {
        Some(beside) => beside,
        None => (
            None,
            duration::nanos(head).filter(|nanos| *nanos > 0).map(span),
        ),
    };
    Amount {
        count,
        window: own.or(window),
        parameters: parameters.is_some(),
    }
}

/// The window in the parameters behind an amount: `w` in the drafts, in seconds, with decimals at Nexon.
fn window_parameter(mut parameters: &str) -> Option<Duration> {
    for _ in 0..MOST_PARTS {
        let end = unquoted(parameters, &[';']).unwrap_or(parameters.len());
        if let Some((key, value)) = parameters[..end].split_once('=') {
            if matches!(key.trim_matches(BLANKS), "w" | "window") {
                return window(value.trim_matches(BLANKS), SECOND);
            }
        }
        parameters = parameters.get(end + 1..)?;
    }
    None
}

/// The window behind an amount: `:60`, `/minute`, ` per 10s`, in nanoseconds.
fn window_beside(rest: &str) -> Option<i128> {
    if let Some(seconds) = rest.strip_prefix(':') {
        return Some(Number::parse(seconds)?.times(SECOND)).filter(|nanos| *nanos > 0);
    }
    let rest = rest.trim_start_matches(BLANKS);
    let word = rest
        .strip_prefix('/')
        .or_else(|| rest.strip_prefix("per "))?
        .trim_matches(BLANKS);
    duration::unit_nanos(word)
        .or_else(|| duration::nanos(word))
        .filter(|nanos| *nanos > 0)
}

/// The length of a window: a number of `unit`s, a duration, or a unit alone (`minute`); nothing if it is
/// not above zero.
pub(super) fn window(text: &str, unit: i128) -> Option<Duration> {
    let text = text.trim_matches('"');
    let nanos = Number::parse(text)
        .map(|number| number.times(unit))
        .or_else(|| duration::nanos(text))
        .or_else(|| duration::unit_nanos(text));
    nanos.filter(|nanos| *nanos > 0).map(span)
}

/// The limits that a line of `RateLimit-Policy` announces.
pub(super) fn announced(line: &str) -> Vec<Item> {
    // Drafts 04 to 07 have no names: `100;w=60`.
    if Number::take(line).is_some() {
        return amounts(line)
            .filter(|amount| amount.count.is_some())
            .map(|amount| Item::unnamed(amount.count, amount.window))
            .collect();
    }
    structured::items(line).unwrap_or_default()
}

/// A limit in force of which nothing more is told.
pub(super) fn policy(quota: &Item) -> Policy {
    Policy {
        name: (!quota.name.is_empty()).then(|| quota.name.as_str().into()),
        limit: quota.quota,
        window: quota.window,
        unit: quota.unit.clone().unwrap_or_default(),
        ..Policy::default()
    }
}

/// Finds out which limit in force a policy is that has a number only, for its window.
///
/// It is one with the same amount; of several the one with the shortest window that the reset fits in
/// (draft 06: `10;w=1, 10;w=60`). A policy without a number is the only one in force, if there is one.
pub(super) fn complete(policy: &mut Policy, quotas: &[Item], told: &mut [bool]) {
    let ahead = policy.reset_after;
    let found = match policy.limit {
        Some(limit) => {
            let same = || {
                quotas
                    .iter()
                    .filter(move |quota| quota.quota == Some(limit))
            };
            let fits = same()
                .filter(|quota| quota.window >= ahead && ahead.is_some())
                .min_by_key(|quota| quota.window);
            let longest = same().max_by_key(|quota| quota.window);
            let alike = same().all(|quota| Some(quota.window) == longest.map(|quota| quota.window));
            fits.or(longest.filter(|_| alike || ahead.is_some()))
        }
        None if quotas.len() == 1 => quotas.first(),
        None => None,
    };
    let Some(found) = found else { return };
    mark(found, quotas, told);
    policy.limit = policy.limit.or(found.quota);
    policy.window = policy.window.or(found.window);
    if policy.name.is_none() && !found.name.is_empty() {
        policy.name = Some(found.name.as_str().into());
        policy.unit = found.unit.clone().unwrap_or_default();
    }
}

/// Notes that a limit in force, and every other item that says the same, is among the policies.
pub(super) fn mark(found: &Item, quotas: &[Item], told: &mut [bool]) {
    for (quota, told) in quotas.iter().zip(told) {
        *told |= quota == found;
    }
}

/// What is left of limits that a line names one by one: Azure's `x-ms-ratelimit-remaining-resource:
/// Microsoft.Compute/HighCostGet3Min;46, Microsoft.Compute/HighCostGet30Min;231`.
pub(super) fn rests(line: &str) -> Vec<Policy> {
    let rest = |part: &str| {
        let (name, rest) = part.split_once(';')?;
        let name = name.trim_matches(BLANKS).trim_matches('"');
        let remaining = Number::parse(rest.trim_matches(BLANKS))?.count()?;
        (!name.is_empty()).then(|| Policy {
            name: Some(name.into()),
            remaining: Some(remaining),
            ..Policy::default()
        })
    };
    parts(line).filter_map(rest).collect()
}

/// Limits written as `used/limit`, each perhaps with a name before it.
pub(super) fn tallies(line: &str, window: Option<Duration>) -> Vec<Policy> {
    let tally = |part: &str| {
        let (name, tally) = match part.split_once('=') {
            // `per-app-api-usage=17/250(appName=x)`: the first `=` ends the name.
            Some((name, tally)) => (Some(name.trim_matches(BLANKS)), tally),
            None => (None, part),
        };
        let (used, rest) = Number::take(tally.trim_matches(BLANKS))?;
        let (limit, _) = Number::take(rest.strip_prefix('/')?)?;
        let (used, limit) = (used.count()?, limit.count()?);
        let remaining = Some(limit.saturating_sub(used));
        Some(Policy {
            name: name.map(Into::into),
            limit: Some(limit),
            remaining,
            window,
            ..Policy::default()
        })
    };
    line.split([';', ','])
        .take(MOST_PARTS)
        .filter_map(tally)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(part: &str) -> (Option<u64>, Option<f64>) {
        let amount = amount(part);
        (
            amount.count,
            amount.window.map(|window| window.as_secs_f64()),
        )
    }

    #[test]
    fn amounts_are_read_with_whatever_names_their_window() {
        assert_eq!(of("100"), (Some(100), None));
        assert_eq!(of("\"100\""), (Some(100), None));
        assert_eq!(of("100;w=60"), (Some(100), Some(60.0)));
        assert_eq!(
            of("100; burst=5; comment=\"a;w=1\"; window=60"),
            (Some(100), Some(60.0))
        );
        assert_eq!(of("3;w=4.554;b=5"), (Some(3), Some(4.554)));
        assert_eq!(of("20:120"), (Some(20), Some(120.0)));
        assert_eq!(of("100/minute"), (Some(100), Some(60.0)));
        assert_eq!(of("100 / 10s"), (Some(100), Some(10.0)));
        assert_eq!(of("5 per 10 minutes"), (Some(5), Some(600.0)));
        assert_eq!(of("1m"), (None, Some(60.0)));
        assert_eq!(of("96.0"), (Some(96), None));
    }

    #[test]
    fn what_is_no_amount_yields_nothing() {
        for part in [
            "",
            "-1",
            "unlimited",
            ";w=",
            "5 apples",
            "5/",
            "5:",
            "5:x",
            "5/x",
            "0m",
            ";;;;",
        ] {
            assert_eq!(of(part).0, None, "{part:?}");
        }
        assert_eq!(of("100;w=0"), (Some(100), None));
        assert_eq!(of("100;w=-5"), (Some(100), None));
    }

    #[test]
    fn used_of_limit_is_read_with_or_without_a_name() {
        let read = |line| {
            tallies(line, None)
                .into_iter()
                .map(|policy| (policy.name, policy.limit, policy.remaining))
                .collect::<Vec<_>>()
        };
        assert_eq!(read("32/40"), [(None, Some(40), Some(8))]);
        assert_eq!(read("50/40"), [(None, Some(40), Some(0))]);
        assert_eq!(
            read("api-usage=25/5000; per-app-api-usage=17/250(appName=x)"),
            [
                (Some("api-usage".into()), Some(5000), Some(4975)),
                (Some("per-app-api-usage".into()), Some(250), Some(233))
            ]
        );
        assert_eq!(read("x, 1/, /5, -1/5, a=b"), []);
    }
}
