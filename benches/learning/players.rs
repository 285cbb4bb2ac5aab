//! The strategies of the table, and a run of a scenario with one of them.

use std::time::Duration;

use api_ratelimiter::ApiRateConfig;
use api_ratelimiter_simulator::world::{
    Demand, Learned, Report, Scenario, Strategy, fixed, learned, run,
};

use crate::rivals::{Cubic, Goodput, Reference};

/// A strategy of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Player {
    Ours,
    Reference,
    Cubic,
    Goodput,
    Fixed { per_second: f64 },
}

impl Player {
    pub(crate) const RIVALS: [Self; 3] = [Self::Reference, Self::Cubic, Self::Goodput];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Reference => "reference",
            Self::Cubic => "CUBIC",
            Self::Goodput => "goodput",
            Self::Fixed { .. } => "oracle",
        }
    }
}

/// Start rate of every adaptive strategy, in requests per second.
pub(crate) const START: f64 = 2.0;

/// Step and factor of the reference.
const REFERENCE_STEP: f64 = 0.1;
const REFERENCE_FACTOR: f64 = 0.5;

/// Returns the configuration of the table: the defaults, with bounds that do not affect the result.
pub(crate) fn config() -> ApiRateConfig {
    ApiRateConfig {
        initial_rate: START,
        min_rate: 0.1,
        max_rate: 1000.0,
        ..ApiRateConfig::default()
    }
}

/// Returns our strategy.
pub(crate) fn ours() -> Learned {
    learned(&config()).expect("valid rates")
}

/// Runs `scenario` with `clients` clients that use one strategy.
pub(crate) fn play(player: Player, scenario: &Scenario, clients: usize, seed: u64) -> Report {
    match player {
        Player::Ours => report(scenario, clients, seed, ours),
        Player::Reference => report(scenario, clients, seed, || {
            Reference::new(START, REFERENCE_STEP, REFERENCE_FACTOR)
        }),
        Player::Cubic => report(scenario, clients, seed, Cubic::new),
        Player::Goodput => report(scenario, clients, seed, || Goodput::new(START)),
        Player::Fixed { per_second } => report(scenario, clients, seed, || fixed(per_second)),
    }
}

fn report<S: Strategy>(
    scenario: &Scenario,
    clients: usize,
    seed: u64,
    strategy: impl Fn() -> S,
) -> Report {
    run(scenario, (0..clients).map(|_| strategy()).collect(), seed).0
}

/// Start of the steady state, which lasts to the end.
pub(crate) const STEADY: Duration = Duration::from_secs(300);

/// Returns the accepted requests per second in the steady state. With bursts, only the time of demand counts.
pub(crate) fn reached(report: &Report, scenario: &Scenario) -> f64 {
    match scenario.demand {
        Demand::Bursts { .. } => report.busy_rate(STEADY),
        _ => {
            let seconds = scenario.length.saturating_sub(STEADY).as_secs_f64();
            report.accepted(STEADY, scenario.length) as f64 / seconds
        }
    }
}

/// Maximum share of refused requests for the oracle.
const TOLERATED: f64 = 0.01;

/// Returns the accepted requests per second of the best fixed rate with at most 1% refused. Searches by
/// bisection around the limit's long-run rate.
pub(crate) fn oracle(scenario: &Scenario, per_second: f64, seed: u64) -> f64 {
    let reached_at = |rate: f64| {
        let report = play(Player::Fixed { per_second: rate }, scenario, 1, seed);
        let refused = report.refused_share(STEADY, scenario.length);
        (refused <= TOLERATED).then(|| reached(&report, scenario))
    };
    let (mut low, mut high) = (0.2 * per_second, 1.1 * per_second);
    let mut best = 0.0;
    // Ten halvings of the range: exact to a thousandth of the limit.
    for _ in 0..10 {
        let middle = (low + high) / 2.0;
        match reached_at(middle) {
            Some(reached) => {
                low = middle;
                best = reached;
            }
            None => high = middle,
        }
    }
    best
}
