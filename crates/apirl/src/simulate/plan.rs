//! Limits over time: what a change means, and what the limits allow.

use std::time::Duration;

use api_ratelimiter_simulator::Limit;

use crate::failure::Failure;
use crate::quantity::{duration, rate};

/// `200s=4/s` or `200s=fixed-window:100/60s`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    at: Duration,
    to: To,
}

#[derive(Debug, Clone, PartialEq)]
enum To {
    /// Another rate for the one limit that has a rate.
    Rate(f64),
    /// A limit instead of all that hold; several of the same time hold together.
    Limit(Limit),
}

impl Change {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (at, to) = text
            .split_once('=')
            .ok_or("it is a time and a rate or limit, like 200s=4/s")?;
        let to = match rate(to) {
            Some(rate) => To::Rate(rate),
            None if !to.contains(':') => {
                return Err(format!("{to:?} is neither a rate like 4/s nor a limit"));
            }
            None => To::Limit(Limit::parse(to).map_err(|error| error.to_string())?),
        };
        Ok(Self {
            at: duration(at)?,
            to,
        })
    }
}

/// All limits that hold from each change on.
pub(super) fn changes(
    start: &[Limit],
    changes: &[Change],
    length: Duration,
) -> Result<Vec<(Duration, Vec<Limit>)>, Failure> {
    let mut ordered: Vec<&Change> = changes.iter().collect();
    ordered.sort_by_key(|change| change.at);
    let mut planned: Vec<(Duration, Vec<Limit>)> = Vec::new();
    let mut replaced_at = None;
    for Change { at, to } in ordered {
        if *at >= length {
            return Err(Failure::usage(format_args!(
                "--change at {at:?} comes after the end, {length:?}"
            )));
        }
        let mut limits = match planned.last() {
            Some((_, limits)) => limits.clone(),
            None => start.to_vec(),
        };
        match to {
            To::Limit(limit) => {
                if replaced_at != Some(*at) {
                    limits.clear();
                }
                replaced_at = Some(*at);
                limits.push(*limit);
            }
            To::Rate(rate) => with_rate(&mut limits, *rate)?,
        }
        match planned.last_mut() {
            Some((last, planned)) if last == at => *planned = limits,
            _ => planned.push((*at, limits)),
        }
    }
    Ok(planned)
}

/// The same limits, but the one that has a rate has this one: a bucket keeps its burst, a window its length.
fn with_rate(limits: &mut [Limit], per_second: f64) -> Result<(), Failure> {
    let mut rated: Vec<&mut Limit> = limits
        .iter_mut()
        .filter(|limit| limit.per_second().is_some())
        .collect();
    let [limit] = rated.as_mut_slice() else {
        return Err(Failure::usage(format_args!(
            "--change to a rate needs one limit that has a rate, and here are {}",
            rated.len()
        ))
        .hint("give the limits instead, like --change 200s=pacing:4/s"));
    };
    let in_window = |window: Duration| {
        let count = (per_second * window.as_secs_f64()).round();
        if count < 1.0 || count > f64::from(u32::MAX) {
            let window = window.as_secs_f64();
            return Err(Failure::usage(format_args!(
                "--change: {per_second}/s is no whole number of requests in a window of {window} s"
            )));
        }
        Ok(count as u32)
    };
    let changed = match **limit {
        Limit::TokenBucket { burst, .. } => Limit::token_bucket(per_second, burst),
        Limit::Pacing { .. } => Limit::pacing(per_second),
        Limit::FixedWindow { window, phase, .. } => {
            Limit::fixed_window(in_window(window)?, window).map(|limit| limit.with_phase(phase))
        }
        Limit::SlidingWindow { window, .. } => Limit::sliding_window(in_window(window)?, window),
        other => Ok(other),
    };
    **limit = changed.map_err(|error| Failure::usage(format_args!("--change: {error}")))?;
    Ok(())
}

/// Requests per second that limits allow in the long run, where each takes the server so long.
pub(super) fn allowed(limits: &[Limit], service: Duration) -> f64 {
    let each = limits.iter().filter_map(|limit| match limit {
        Limit::Concurrency { limit, .. } => Some(f64::from(*limit) / service.as_secs_f64()),
        other => other.per_second(),
    });
    each.fold(f64::INFINITY, f64::min)
}

/// The longest window among limits.
pub(super) fn longest_window(limits: &[Limit]) -> Duration {
    let windows = limits.iter().map(|limit| match limit {
        Limit::FixedWindow { window, .. } | Limit::SlidingWindow { window, .. } => *window,
        _ => Duration::ZERO,
    });
    windows.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(start: &[&str], texts: &[&str]) -> Result<Vec<String>, String> {
        let limits = |texts: &[&str]| -> Vec<Limit> {
            texts
                .iter()
                .map(|text| text.parse().expect("a limit"))
                .collect()
        };
        let parsed: Result<Vec<_>, _> = texts.iter().map(|text| Change::parse(text)).collect();
        let planned = changes(&limits(start), &parsed?, Duration::from_secs(600));
        let planned = planned.map_err(|failure| failure.to_string())?;
        Ok(planned
            .iter()
            .map(|(at, limits)| {
                let limits: Vec<_> = limits.iter().map(Limit::to_string).collect();
                format!("{at:?} {}", limits.join(" "))
            })
            .collect())
    }

    #[test]
    fn a_rate_keeps_the_kind_of_limit() {
        for (start, then) in [
            (
                "token-bucket:10/s,burst=20",
                "200s token-bucket:4/s,burst=20",
            ),
            (
                "fixed-window:100/10s,phase=3s",
                "200s fixed-window:40/10s,phase=3s",
            ),
            ("sliding-window:50/10s", "200s sliding-window:40/10s"),
            ("pacing:1/s", "200s pacing:4/s"),
        ] {
            assert_eq!(planned(&[start], &["200s=4/s"]), Ok(vec![then.to_owned()]));
        }
        let both = planned(&["concurrency:5", "pacing:1/s"], &["200s=4/s"]);
        assert_eq!(both, Ok(vec!["200s concurrency:5 pacing:4/s".to_owned()]));
    }

    #[test]
    fn limits_replace_all_and_those_of_one_time_hold_together() {
        let changes = ["300s=2/s", "200s=pacing:9/s", "200s=concurrency:3"];
        let expected = [
            "200s pacing:9/s concurrency:3",
            "300s pacing:2/s concurrency:3",
        ];
        assert_eq!(
            planned(&["pacing:1/s", "pacing:2/s"], &changes),
            Ok(expected.map(str::to_owned).into())
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (start, change) in [
            (&["pacing:1/s", "pacing:2/s"][..], "200s=4/s"),
            (&["concurrency:5"], "200s=4/s"),
            (&["fixed-window:1/1s"], "200s=0.1/s"),
            (&["pacing:1/s"], "600s=4/s"),
            (&["pacing:1/s"], "4/s"),
            (&["pacing:1/s"], "200s=4"),
            (&["pacing:1/s"], "200=4/s"),
            (&["pacing:1/s"], "200s=pacing:0/s"),
        ] {
            assert!(planned(start, &[change]).is_err(), "{start:?} {change}");
        }
    }
}
