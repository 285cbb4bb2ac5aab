//! Limits over time: how a change alters them, and what they allow.

use std::time::Duration;

use api_ratelimiter_simulator::Limit;

use crate::failure::Failure;
use crate::flags::values::{Change, NewLimit};

/// Returns all limits that hold from each change on.
pub(super) fn changes(
    start: &[Limit],
    changes: &[Change],
    length: Duration,
) -> Result<Vec<(Duration, Vec<Limit>)>, Failure> {
    let mut ordered: Vec<&Change> = changes.iter().collect();
    ordered.sort_by_key(|change| change.at);
    let mut planned: Vec<(Duration, Vec<Limit>)> = Vec::new();
    let mut replaced_at = None;
    // Apply the changes in order of time, each to the limits that the one before it left.
    for Change { at, to } in ordered {
        if *at >= length {
            return Err(Failure::usage(format_args!(
                "--change at {at:?} is not before the end of the run, {length:?}"
            )));
        }
        let mut limits = match planned.last() {
            Some((_, limits)) => limits.clone(),
            None => start.to_vec(),
        };
        match to {
            NewLimit::Replaced(limit) => {
                if replaced_at != Some(*at) {
                    limits.clear();
                }
                replaced_at = Some(*at);
                limits.push(*limit);
            }
            NewLimit::Rate(rate) => with_rate(&mut limits, *rate)?,
        }
        // Changes of one time are one entry.
        match planned.last_mut() {
            Some((last, planned)) if last == at => *planned = limits,
            _ => planned.push((*at, limits)),
        }
    }
    Ok(planned)
}

/// Gives the one limit that has a rate a new rate. A bucket keeps its burst, a window its length.
fn with_rate(limits: &mut [Limit], per_second: f64) -> Result<(), Failure> {
    let mut rated: Vec<&mut Limit> = limits
        .iter_mut()
        .filter(|limit| limit.per_second().is_some())
        .collect();
    let [limit] = rated.as_mut_slice() else {
        return Err(Failure::usage(format_args!(
            "--change to a rate needs exactly one limit that has a rate, but there are {}",
            rated.len()
        ))
        .hint("name a limit, like --change 200s=pacing:4/s"));
    };
    let in_window = |window: Duration| {
        let count = (per_second * window.as_secs_f64()).round();
        if count < 1.0 || count > f64::from(u32::MAX) {
            let window = window.as_secs_f64();
            return Err(Failure::usage(format_args!(
                "--change: {per_second}/s is less than one request, or too many, in a window of {window} s"
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
        Limit::WindowFromFirst { window, .. } => {
            Limit::window_from_first(in_window(window)?, window)
        }
        Limit::SlidingWindow { window, .. } => Limit::sliding_window(in_window(window)?, window),
        Limit::Calendar { calendar, .. } => Limit::calendar(
            in_window(calendar.longest())?,
            calendar.every(),
            calendar.zone_name().unwrap_or("UTC"),
        ),
        other => Ok(other),
    };
    **limit = changed.map_err(|error| Failure::usage(format_args!("--change: {error}")))?;
    Ok(())
}

/// Returns the longest window among limits.
pub(super) fn longest_window(limits: &[Limit]) -> Duration {
    let windows = limits.iter().filter_map(Limit::window);
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
    fn impossible_changes_are_refused() {
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
