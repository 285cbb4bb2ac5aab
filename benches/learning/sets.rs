//! Random sets: scenarios drawn from a seed, so that figures do not depend on limits chosen by hand.

use std::time::Duration;

use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{Demand, LimitHint, Neighbour, Scenario, Trip};
use fastrand::Rng;

/// Kinds of scenarios in a set. Each kind is drawn equally often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Steady(Shape, LimitHint),
    Pacing,
    /// Every response announces the remaining requests.
    Announced(Shape),
    Start,
    Double,
    Halve,
    Fair(Shape),
    Bursty,
    Restart,
    Shared,
    Blackout,
}

/// Kinds of limits in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Bucket,
    Fixed,
    Sliding,
}

impl Kind {
    pub(crate) const ALL: [Self; 18] = [
        Self::Steady(Shape::Bucket, LimitHint::None),
        Self::Steady(Shape::Bucket, LimitHint::RetryAfter),
        Self::Steady(Shape::Fixed, LimitHint::None),
        Self::Steady(Shape::Fixed, LimitHint::RetryAfter),
        Self::Steady(Shape::Sliding, LimitHint::None),
        Self::Steady(Shape::Sliding, LimitHint::RetryAfter),
        Self::Pacing,
        Self::Start,
        Self::Double,
        Self::Halve,
        Self::Fair(Shape::Bucket),
        Self::Fair(Shape::Sliding),
        Self::Bursty,
        Self::Restart,
        Self::Shared,
        // The newest kinds are last, so that the draws of the others do not change.
        Self::Announced(Shape::Bucket),
        Self::Announced(Shape::Fixed),
        Self::Announced(Shape::Sliding),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Steady(shape, hint) => {
                format!(
                    "{shape:?}{}",
                    if hint == LimitHint::None { "" } else { "+hint" }
                )
            }
            Self::Fair(shape) => format!("Fair{shape:?}"),
            Self::Announced(shape) => format!("Announced{shape:?}"),
            other => format!("{other:?}"),
        }
    }
}

/// A scenario with the data to judge it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) limit: Limit,
    pub(crate) scenario: Scenario,
    /// Long-run rate of the limit, after the change if there is one.
    pub(crate) per_second: f64,
    pub(crate) window: Duration,
    pub(crate) seed: u64,
}

impl Case {
    pub(crate) fn new(kind: Kind, limit: Limit, scenario: Scenario, seed: u64) -> Self {
        let window = match limit {
            Limit::FixedWindow { window, .. } | Limit::SlidingWindow { window, .. } => window,
            _ => Duration::ZERO,
        };
        Self {
            kind,
            limit,
            per_second: limit.per_second().unwrap_or(1.0),
            window,
            seed,
            scenario,
        }
    }

    /// Returns a description of the scenario.
    pub(crate) fn text(&self) -> String {
        let Scenario {
            workers,
            hint,
            trip,
            ..
        } = &self.scenario;
        let hint = match hint {
            LimitHint::None => "",
            LimitHint::Headers => ", announced",
            LimitHint::HeadersRoundedDown => ", announced, rounded down",
            _ => ", hint",
        };
        // The phase differs between seeds.
        let limit = self.limit.to_string();
        let limit = limit.split(",phase").next().unwrap_or(&limit);
        format!(
            "{limit}, {workers} workers, {} ms{hint}",
            rtt(trip).as_millis()
        )
    }
}

/// Time of the change in changing scenarios.
pub(crate) const CHANGE: Duration = Duration::from_secs(600);

/// Number of clients that share a limit.
pub(crate) const CLIENTS: usize = 4;

/// Draws a case. Equal arguments give equal cases.
pub(crate) fn draw(set: u64, kind: Kind, index: u64) -> Case {
    let position = Kind::ALL
        .iter()
        .position(|one| *one == kind)
        .unwrap_or_default() as u64;
    let seed = set
        .wrapping_mul(1_000_003)
        .wrapping_add(position * 10_007 + index);
    let mut rng = Rng::with_seed(seed);
    let rng = &mut rng;
    let rate = match kind {
        Kind::Start | Kind::Restart => log_uniform(rng, 30.0, 100.0),
        Kind::Fair(_) => log_uniform(rng, 4.0, 80.0),
        _ => log_uniform(rng, 1.0, 80.0),
    };
    let shape = match kind {
        Kind::Steady(shape, _) | Kind::Announced(shape) => shape,
        Kind::Fair(Shape::Bucket) => Shape::Bucket,
        _ => [Shape::Bucket, Shape::Bucket, Shape::Fixed, Shape::Sliding][rng.usize(0..4)],
    };
    let shape = if kind == Kind::Fair(Shape::Sliding) {
        [Shape::Fixed, Shape::Sliding][rng.usize(0..2)]
    } else {
        shape
    };
    // Only steady states have windows of a minute: a change within a window cannot be seen.
    let windows: &[u64] = if matches!(kind, Kind::Steady(..) | Kind::Announced(_)) {
        &[1, 5, 10, 60]
    } else {
        &[1, 5, 10]
    };
    let window = Duration::from_secs(windows[rng.usize(0..windows.len())]);
    let limit = match kind {
        Kind::Pacing => Limit::pacing(rate).expect("a rate"),
        _ => limit(rng, shape, rate, window),
    };
    let per_second = limit.per_second().unwrap_or(rate);
    let mut scenario = Scenario::new([limit]);
    scenario.trip = trip(rng);
    scenario.workers = workers(rng, 2.0 * per_second, &scenario.trip);
    let mut drawn = Case::new(kind, limit, scenario, seed);
    add_details(rng, &mut drawn, limit);
    drawn
}

/// Adds what a kind needs beyond its limit.
fn add_details(rng: &mut Rng, drawn: &mut Case, limit: Limit) {
    let scenario = &mut drawn.scenario;
    let any_hint = [LimitHint::None, LimitHint::RetryAfter][rng.usize(0..2)];
    match drawn.kind {
        Kind::Steady(_, hint) => scenario.hint = hint,
        Kind::Pacing => {}
        // Servers differ in how they round the seconds until the reset.
        Kind::Announced(_) => {
            scenario.hint = [LimitHint::Headers, LimitHint::HeadersRoundedDown][rng.usize(0..2)];
        }
        Kind::Start => {
            scenario.hint = any_hint;
            scenario.length = Duration::from_secs(300);
        }
        Kind::Double | Kind::Halve => {
            scenario.hint = any_hint;
            scenario.length = Duration::from_secs(1200);
            let factor = if drawn.kind == Kind::Double { 2.0 } else { 0.5 };
            // At a random time between two probes.
            let at = CHANGE + Duration::from_secs_f64(60.0 * rng.f64());
            scenario.changes = vec![(at, vec![times(limit, factor)])];
            drawn.per_second *= factor;
        }
        Kind::Fair(_) => {
            scenario.hint = any_hint;
            scenario.workers = (scenario.workers / 2).max(2);
        }
        Kind::Bursty => {
            scenario.hint = any_hint;
            let requests = (drawn.per_second * (20.0 + 100.0 * rng.f64())).ceil() as u64;
            scenario.demand = Demand::Bursts {
                requests,
                idle: Duration::from_secs(60),
            };
        }
        Kind::Restart => {
            scenario.hint = any_hint;
            scenario.length = Duration::from_secs(300);
        }
        Kind::Shared => {
            scenario.hint = any_hint;
            let (from, until) = (CHANGE, CHANGE + Duration::from_secs(120));
            scenario.neighbour = Some(Neighbour {
                per_second: drawn.per_second / 2.0,
                from,
                until,
            });
            scenario.length = Duration::from_secs(1200);
        }
        Kind::Blackout => {}
    }
}

/// Returns the limit multiplied by `factor`.
pub(crate) fn times(limit: Limit, factor: f64) -> Limit {
    let count = |limit: u32| (f64::from(limit) * factor).round().max(1.0) as u32;
    match limit {
        Limit::TokenBucket {
            rate_per_second,
            burst,
            ..
        } => Limit::token_bucket(rate_per_second * factor, (burst * factor).max(1.0)),
        Limit::FixedWindow {
            limit,
            window,
            phase,
            ..
        } => Limit::fixed_window(count(limit), window).map(|limit| limit.with_phase(phase)),
        Limit::SlidingWindow { limit, window, .. } => Limit::sliding_window(count(limit), window),
        Limit::Pacing {
            rate_per_second, ..
        } => Limit::pacing(rate_per_second * factor),
        other => Ok(other),
    }
    .expect("a limit in range")
}

/// Draws a limit of that kind.
fn limit(rng: &mut Rng, shape: Shape, rate: f64, window: Duration) -> Limit {
    let count = (rate * window.as_secs_f64()).round().max(MIN_BURST) as u32;
    match shape {
        // A burst of half a second to five seconds of the rate.
        Shape::Bucket => Limit::token_bucket(
            rate,
            (rate * log_uniform(rng, 0.5, 5.0)).max(MIN_BURST).round(),
        ),
        Shape::Fixed => Limit::fixed_window(count, window)
            .map(|limit| limit.with_phase(window.mul_f64(rng.f64()))),
        Shape::Sliding => Limit::sliding_window(count, window),
    }
    .expect("a limit in range")
}

/// Minimum burst of a limit. Below three it would be a strict pacing, which is another kind.
const MIN_BURST: f64 = 3.0;

/// Draws latencies.
fn trip(rng: &mut Rng) -> Trip {
    let ms = |ms: f64| Duration::from_secs_f64(ms / 1000.0);
    let leg = ms(log_uniform(rng, 10.0, 120.0));
    Trip {
        there: leg,
        there_jitter: ms(100.0 * rng.f64()),
        back: leg,
        back_jitter: ms(100.0 * rng.f64()),
        ..Trip::default()
    }
}

/// Returns the mean round trip.
pub(crate) fn rtt(trip: &Trip) -> Duration {
    trip.there + trip.there_jitter / 2 + trip.back + trip.back_jitter / 2
}

/// Draws a number of workers from 2 to 96, at least enough for the rate and the round trip.
fn workers(rng: &mut Rng, per_second: f64, trip: &Trip) -> usize {
    let needed = (per_second * rtt(trip).as_secs_f64()).ceil() + 1.0;
    log_uniform(rng, 2.0, 96.0).round().max(needed) as usize
}

/// Draws a number whose logarithm is uniform.
fn log_uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low * (high / low).powf(rng.f64())
}
