//! Runs one scenario and computes its figures.

use std::time::Duration;

use api_ratelimiter_simulator::world::{Report, run};

use crate::players::{self, Player, STEADY, play};
use crate::sets::{CLIENTS, Case, Kind};

/// A scenario with its figures.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) case: Case,
    /// Accepted requests per second as a share of the limit's long-run rate.
    pub(crate) utilisation: f64,
    /// Utilisation of the best fixed rate where it was searched, else 1.
    pub(crate) possible: f64,
    pub(crate) refused: f64,
    /// Seconds until enough gets through, a limit is found or a change is absorbed; infinite if never.
    pub(crate) seconds: f64,
    pub(crate) fairness: f64,
    /// Number of times that refusals lowered the rate after a blackout.
    pub(crate) cuts: usize,
}

impl Outcome {
    /// Returns the utilisation as a share of the oracle's.
    pub(crate) fn share(&self) -> f64 {
        self.utilisation / self.possible
    }

    /// Returns the main figure of scenarios of this kind.
    pub(crate) fn figure(&self) -> f64 {
        match self.case.kind {
            Kind::Steady(..) | Kind::Pacing | Kind::Announced(_) | Kind::Bursty => self.share(),
            Kind::Start | Kind::Double | Kind::Halve | Kind::Restart => self.seconds,
            Kind::Fair(_) => self.fairness,
            Kind::Shared => self.utilisation,
            Kind::Blackout => self.cuts as f64,
        }
    }
}

/// Returns whether cases of this kind are compared with the oracle.
pub(crate) fn needs_an_oracle(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Steady(..) | Kind::Pacing | Kind::Announced(_) | Kind::Bursty
    )
}

/// Runs a case. `possible` is the oracle's utilisation, where the kind needs it.
pub(crate) fn judge(player: Player, case: &Case, possible: f64) -> Outcome {
    let scenario = &case.scenario;
    let clients = if matches!(case.kind, Kind::Fair(_)) {
        CLIENTS
    } else {
        1
    };
    let report = match (case.kind, player) {
        (Kind::Restart, Player::Ours) => restarted(case),
        _ => play(player, scenario, clients, case.seed),
    };
    let mut outcome = Outcome {
        utilisation: players::reached(&report, scenario) / case.per_second,
        possible,
        refused: report.refused_share(STEADY, scenario.length),
        seconds: 0.0,
        fairness: 1.0,
        cuts: 0,
        case: case.clone(),
    };
    let changed = scenario
        .changes
        .first()
        .map_or(Duration::ZERO, |(at, _)| *at);
    // A start is over when enough gets through. A limit is found when the rate says so, though bursts may hide that.
    let through = || report.seconds_until_through(changed, case.per_second, case.window);
    let found = || report.seconds_to_find(0, changed, case.per_second, case.window);
    match case.kind {
        Kind::Steady(..) | Kind::Pacing | Kind::Announced(_) | Kind::Bursty => {}
        Kind::Start => outcome.seconds = through().unwrap_or(f64::INFINITY),
        Kind::Restart | Kind::Double => outcome.seconds = found().unwrap_or(f64::INFINITY),
        Kind::Halve => outcome.seconds = report.seconds_to_absorb(changed).unwrap_or(f64::INFINITY),
        Kind::Fair(_) => {
            let from = scenario.length.saturating_sub(Duration::from_secs(600));
            outcome.fairness = report.fairness(from, scenario.length);
        }
        Kind::Shared => {
            let (from, until) = (Duration::from_secs(600), Duration::from_secs(900));
            // Half of the limit for two minutes, the whole limit for three.
            let allowed = case.per_second * (0.5 * 120.0 + 180.0);
            outcome.utilisation = report.accepted(from, until) as f64 / allowed;
        }
        Kind::Blackout => outcome.cuts = cuts(&report, changed),
    }
    outcome
}

/// Counts falls of the rate by more than a tenth in the half minute after `from`.
fn cuts(report: &Report, from: Duration) -> usize {
    let (from, until) = (
        api_ratelimiter::Time::ZERO + from,
        api_ratelimiter::Time::ZERO + from + Duration::from_secs(30),
    );
    let rates = report
        .rates(0)
        .windows(2)
        .filter(|pair| pair[1].0 >= from && pair[1].0 < until);
    rates.filter(|pair| pair[1].1 < 0.9 * pair[0].1).count()
}

/// Learns for half an hour, then restarts an hour later with what was learned.
fn restarted(case: &Case) -> Report {
    let mut before = case.scenario.clone();
    before.length = Duration::from_secs(1800);
    let (_, strategies) = run(&before, vec![players::ours()], case.seed);
    let hour = Duration::from_secs(3600);
    let remembered = strategies
        .into_iter()
        .map(|strategy| strategy.restarted(hour))
        .collect();
    run(&case.scenario, remembered, case.seed + 1).0
}

/// Returns the value below which a share `q` of the values lies.
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((last as f64 * q).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}
