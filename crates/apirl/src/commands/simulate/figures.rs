//! The figures of a simulated run.

use std::time::Duration;

use api_ratelimiter::Time;
use api_ratelimiter_simulator::world::chart::{limit_steps, long_run_rate};
use api_ratelimiter_simulator::world::{Report, Scenario};

use super::plan;

/// A rate that falls by more than this share was cut. Smaller changes are fine adjustments.
const CUT: f64 = 0.1;

/// The result of a run, from the end of the warm-up on.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) utilisation: f64,
    pub(super) refused_ratio: f64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    /// Number of requests that the limits allow in the long run.
    pub(super) ideal: f64,
    /// Time from the start until 90% of what the limits allow got through; `None` means never.
    pub(super) seconds_to_90: Option<f64>,
    pub(super) cuts: usize,
    pub(super) jain: f64,
}

impl Figures {
    pub(super) fn of(report: &Report, scenario: &Scenario, clients: u32, warmup: Duration) -> Self {
        let end = scenario.length;
        let accepted = report.accepted(warmup, end);
        let (from, until) = (Time::ZERO + warmup, Time::ZERO + end);
        let counts = |at: Time| at >= from && at < until;
        let refused = report
            .arrivals()
            .iter()
            .filter(|arrival| !arrival.accepted && counts(arrival.at))
            .count() as u64;
        let ideal = ideal(scenario, warmup);
        let allowed = long_run_rate(&scenario.limits, scenario.trip.mean_service());
        let window = plan::longest_window(&scenario.limits);
        Self {
            utilisation: ratio(accepted as f64, ideal),
            refused_ratio: ratio(refused as f64, (accepted + refused) as f64),
            accepted,
            refused,
            ideal,
            seconds_to_90: report.seconds_until_through(Duration::ZERO, allowed, window),
            cuts: (0..clients as usize)
                .flat_map(|client| report.rates(client).windows(2))
                .filter(|pair| counts(pair[1].0) && pair[1].1 < (1.0 - CUT) * pair[0].1)
                .count(),
            jain: report.fairness(warmup, end),
        }
    }
}

/// Returns `part / whole`, or 0 if `whole` is zero or infinite: JSON has no infinity.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 && whole.is_finite() {
        part / whole
    } else {
        0.0
    }
}

/// Returns the number of requests that the limits allow in the long run, from the end of the warm-up on.
fn ideal(scenario: &Scenario, warmup: Duration) -> f64 {
    let steps = limit_steps(scenario);
    let ends = steps
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([scenario.length]);
    steps
        .iter()
        .zip(ends)
        .map(|((from, rate), until)| rate * until.saturating_sub((*from).max(warmup)).as_secs_f64())
        .sum()
}

#[cfg(test)]
mod tests {
    use api_ratelimiter_simulator::Limit;

    use super::*;

    #[test]
    fn the_ideal_follows_the_changes_and_excludes_the_warm_up() {
        let limit = |text: &str| text.parse::<Limit>().expect("a limit");
        let scenario = Scenario {
            changes: vec![(Duration::from_secs(200), vec![limit("pacing:4/s")])],
            length: Duration::from_secs(600),
            ..Scenario::new([limit("pacing:10/s")])
        };
        assert_eq!(ideal(&scenario, Duration::ZERO), 2000.0 + 1600.0);
        assert_eq!(ideal(&scenario, Duration::from_secs(100)), 1000.0 + 1600.0);
        assert_eq!(ideal(&scenario, Duration::from_secs(500)), 400.0);
    }
}
