//! Limits in force: amounts with a window each.
//!
//! Drafts 00 to 03 put them into `RateLimit-Limit: 100, 100;w=60`, later drafts into `RateLimit-Policy`.
//! Envoy and Lokalise send the first form as `x-ratelimit-limit`; Riot writes `100:120`, others `100/minute`.

use std::time::Duration;

use super::policy::Policy;
use super::reset::span;
use super::structured::{self, Item};
use crate::duration;
use crate::headers::lines::{BLANKS, MOST_PARTS, parts, unquoted};
use crate::number::{Number, SECOND};

/// One amount of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    /// The amount; `None` if it is not a number, or a negative one ("no limit").
    pub(super) count: Option<u64>,
    /// Window beside the amount.
    pub(super) window: Option<Duration>,
    /// Whether it has parameters, as only a policy in a list has: `100;w=60`.
    pub(super) parameters: bool,
}

/// Returns the amounts of a line, by position.
pub(super) fn amounts(line: &str) -> impl Iterator<Item = Amount> {
    parts(line).map(amount)
}

/// Returns the limits of a line, by position.
///
/// A fraction below one is not a limit (and not 0) but a rate. Amazon's Selling Partner API sends requests
/// per second, `x-amzn-ratelimit-limit: 0.0167` (developer-docs.amazon.com/sp-api, usage plans).
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

/// Parses one amount: `100`, `100;w=60`, `100:60`, `100/minute`, `100 per 10 minutes`. A duration alone
/// (`1m`) is the window of an unknown limit: AspNetCoreRateLimit sends its period as the limit.
fn amount(part: &str) -> Amount {
    let end = unquoted(part, &[';']).unwrap_or(part.len());
    let (head, parameters) = (
        part[..end].trim_matches(BLANKS).trim_matches('"'),
        part.get(end + 1..),
    );
    let window = parameters.and_then(window_parameter);
    // A number, perhaps with a window behind it; or a duration alone.
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

/// Returns the window in the parameters of an amount: `w` in the drafts, in seconds; Nexon sends decimals.
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

/// Returns the window after an amount, in nanoseconds: `:60`, `/minute`, ` per 10s`.
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

/// Parses a window: a number of `unit`s, a duration, or a unit alone (`minute`). `None` if it is not above
/// zero.
pub(super) fn window(text: &str, unit: i128) -> Option<Duration> {
    let text = text.trim_matches('"');
    let nanos = Number::parse(text)
        .map(|number| number.times(unit))
        .or_else(|| duration::nanos(text))
        .or_else(|| duration::unit_nanos(text));
    nanos.filter(|nanos| *nanos > 0).map(span)
}

/// Returns the limits that a line of `RateLimit-Policy` announces.
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

/// Returns a limit in force as a policy of which nothing else is known.
pub(super) fn policy(quota: &Item) -> Policy {
    Policy {
        name: (!quota.name.is_empty()).then(|| quota.name.as_str().into()),
        limit: quota.quota,
        window: quota.window,
        unit: quota.unit.clone().unwrap_or_default(),
        ..Policy::default()
    }
}

/// Completes a policy by the limit in force that it belongs to.
///
/// The quota is the one with an equal amount; of several, the one with the shortest window that the reset fits in
/// (draft 06: `10;w=1, 10;w=60`). A policy without an amount belongs to the only limit in force, if there is
/// just one.
pub(super) fn complete(policy: &mut Policy, quotas: &[Item], matched: &mut [bool]) {
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
    mark(found, quotas, matched);
    policy.limit = policy.limit.or(found.quota);
    policy.window = policy.window.or(found.window);
    if policy.name.is_none() && !found.name.is_empty() {
        policy.name = Some(found.name.as_str().into());
        policy.unit = found.unit.clone().unwrap_or_default();
    }
}

/// Marks a limit in force, and every identical one, as part of the policies.
pub(super) fn mark(found: &Item, quotas: &[Item], matched: &mut [bool]) {
    for (quota, matched) in quotas.iter().zip(matched) {
        *matched |= quota == found;
    }
}

/// Returns the amounts that are left of limits which a line names one by one: Azure's
/// `x-ms-ratelimit-remaining-resource: Microsoft.Compute/HighCostGet3Min;46,
/// Microsoft.Compute/HighCostGet30Min;231`.
pub(super) fn remainders(line: &str) -> Vec<Policy> {
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

/// Returns the limits that are written as `used/limit`, each with an optional name before it.
pub(super) fn usages(line: &str, window: Option<Duration>) -> Vec<Policy> {
    let usage = |part: &str| {
        let (name, usage) = match part.split_once('=') {
            // `per-app-api-usage=17/250(appName=x)`: the first `=` ends the name.
            Some((name, usage)) => (Some(name.trim_matches(BLANKS)), usage),
            None => (None, part),
        };
        let (used, rest) = Number::take(usage.trim_matches(BLANKS))?;
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
        .filter_map(usage)
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
    fn an_invalid_amount_yields_nothing() {
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
            usages(line, None)
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
