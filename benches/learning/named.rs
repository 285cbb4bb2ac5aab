//! The scenarios of the guides.

use std::time::Duration;

use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{Demand, LimitHint, Neighbour, Scenario, Trip};

use crate::sets::{CHANGE, Case, Kind, Shape, times};

const HALF_HOUR: Duration = Duration::from_secs(1800);

/// Returns every named scenario, to be run with `seed`.
pub(crate) fn all(seed: u64) -> Vec<Case> {
    let mut cases = steady(seed);
    cases.extend(changing(seed));
    cases.extend(demanding(seed));
    cases
}

/// Returns scenarios with a constant limit.
fn steady(seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    let plain = [
        ("token-bucket:1/s,burst=5", 8),
        ("token-bucket:3/s,burst=3", 8),
        ("token-bucket:10/s,burst=10", 1),
        ("token-bucket:10/s,burst=10", 16),
        ("token-bucket:10/s,burst=20", 16),
        ("token-bucket:50/s,burst=10", 16),
        ("token-bucket:100/s,burst=200", 64),
        ("fixed-window:50/60s", 8),
        ("fixed-window:100/60s", 1),
        ("fixed-window:100/60s", 16),
        ("fixed-window:300/5s", 16),
        ("fixed-window:1000/60s", 16),
        ("fixed-window:10/1s", 16),
        ("sliding-window:50/10s", 1),
        ("sliding-window:50/10s", 16),
        ("sliding-window:100/60s", 16),
        ("sliding-window:600/60s", 16),
    ];
    for (text, workers) in plain {
        for hint in [LimitHint::None, LimitHint::RetryAfter] {
            let limit = phased(limit(text), seed);
            let shape = match limit {
                Limit::FixedWindow { .. } => Shape::Fixed,
                Limit::SlidingWindow { .. } => Shape::Sliding,
                _ => Shape::Bucket,
            };
            let scenario = Scenario {
                workers,
                hint,
                ..Scenario::new([limit])
            };
            cases.push(Case::new(Kind::Steady(shape, hint), limit, scenario, seed));
        }
    }
    for text in ["pacing:10/s", "pacing:20/s"] {
        let trip = Trip {
            there_jitter: Duration::from_millis(125),
            ..Trip::default()
        };
        let scenario = Scenario {
            trip,
            ..Scenario::new([limit(text)])
        };
        cases.push(Case::new(Kind::Pacing, limit(text), scenario, seed));
    }
    // Five requests at once, each with a service time of a tenth of a second and a round trip.
    let busy = Limit::concurrency(5).expect("a limit");
    let trip = Trip {
        service: Duration::from_millis(100),
        ..Trip::default()
    };
    let scenario = Scenario {
        trip,
        ..Scenario::new([busy])
    };
    let mut case = Case::new(
        Kind::Steady(Shape::Bucket, LimitHint::None),
        busy,
        scenario,
        seed,
    );
    case.per_second = 5.0 / (0.1 + crate::sets::rtt(&trip).as_secs_f64());
    cases.push(case);
    let both = [
        limit("token-bucket:5/s,burst=5"),
        limit("fixed-window:200/60s"),
    ];
    let scenario = Scenario::new(both);
    cases.push(Case::new(
        Kind::Steady(Shape::Fixed, LimitHint::None),
        both[1],
        scenario,
        seed,
    ));
    cases
}

/// Returns scenarios with a limit that changes.
fn changing(seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for text in [
        "token-bucket:10/s,burst=10",
        "token-bucket:50/s,burst=10",
        "sliding-window:50/10s",
    ] {
        for (kind, factor) in [(Kind::Double, 2.0), (Kind::Halve, 0.5)] {
            let limit = limit(text);
            let changes = vec![(spread(CHANGE, seed), vec![times(limit, factor)])];
            let length = Duration::from_secs(1200);
            let scenario = Scenario {
                changes,
                length,
                ..Scenario::new([limit])
            };
            let mut case = Case::new(kind, limit, scenario, seed);
            case.per_second *= factor;
            cases.push(case);
        }
    }
    for hint in [LimitHint::None, LimitHint::RetryAfter] {
        let limit = limit("token-bucket:100/s,burst=200");
        // One request is accepted, the next one only after the end of the blackout.
        let blackout = Limit::token_bucket(0.32, 1.0).expect("a limit");
        let at = spread(CHANGE, seed);
        let changes = vec![
            (at, vec![blackout]),
            (at + Duration::from_secs(3), vec![limit]),
        ];
        let (workers, length) = (64, Duration::from_secs(900));
        let trip = Trip {
            there: Duration::from_millis(250),
            back: Duration::from_millis(250),
            ..Trip::default()
        };
        let scenario = Scenario {
            changes,
            hint,
            workers,
            length,
            trip,
            ..Scenario::new([limit])
        };
        cases.push(Case::new(Kind::Blackout, limit, scenario, seed));
    }
    let limit = limit("token-bucket:10/s,burst=20");
    let neighbour = Neighbour {
        per_second: 5.0,
        from: CHANGE,
        until: CHANGE + Duration::from_secs(120),
    };
    let scenario = Scenario {
        neighbour: Some(neighbour),
        ..Scenario::new([limit])
    };
    cases.push(Case::new(Kind::Shared, limit, scenario, seed));
    cases
}

/// Returns scenarios with special demand: several clients, bursts, starts and restarts.
fn demanding(seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for (text, shape) in [
        ("token-bucket:10/s,burst=20", Shape::Bucket),
        ("token-bucket:50/s,burst=10", Shape::Bucket),
        ("sliding-window:50/10s", Shape::Sliding),
        ("fixed-window:300/5s", Shape::Sliding),
    ] {
        let scenario = Scenario {
            workers: 8,
            ..Scenario::new([limit(text)])
        };
        cases.push(Case::new(Kind::Fair(shape), limit(text), scenario, seed));
    }
    for text in ["token-bucket:10/s,burst=20", "sliding-window:50/10s"] {
        let limit = limit(text);
        let per_second = limit.per_second().unwrap_or(1.0);
        let requests = (60.0 * per_second) as u64;
        let demand = Demand::Bursts {
            requests,
            idle: Duration::from_secs(60),
        };
        cases.push(Case::new(
            Kind::Bursty,
            limit,
            Scenario {
                demand,
                ..Scenario::new([limit])
            },
            seed,
        ));
    }
    for (kind, text) in [
        (Kind::Start, "token-bucket:50/s,burst=10"),
        (Kind::Start, "token-bucket:100/s,burst=200"),
        (Kind::Restart, "token-bucket:50/s,burst=10"),
        (Kind::Restart, "fixed-window:1000/60s"),
    ] {
        let scenario = Scenario {
            workers: 64,
            length: Duration::from_secs(300),
            ..Scenario::new([limit(text)])
        };
        cases.push(Case::new(kind, limit(text), scenario, seed));
    }
    cases
}

fn limit(text: &str) -> Limit {
    text.parse().expect("a limit")
}

/// Returns the limit with a phase that differs between seeds.
fn phased(limit: Limit, seed: u64) -> Limit {
    limit.with_phase(spread(Duration::ZERO, seed))
}

/// Returns `time` plus up to a minute, spread evenly over the seeds by the golden ratio.
fn spread(time: Duration, seed: u64) -> Duration {
    time + Duration::from_secs_f64(60.0 * (seed as f64 * 0.618_034).fract())
}

/// Returns the scenario of a picture: half an hour in which a limit is halved and then doubled.
pub(crate) fn pictured(text: &str, hint: LimitHint) -> Scenario {
    let limit = limit(text);
    let changes = vec![
        (Duration::from_secs(600), vec![times(limit, 0.5)]),
        (Duration::from_secs(1200), vec![times(limit, 2.0)]),
    ];
    Scenario {
        changes,
        hint,
        length: HALF_HOUR,
        ..Scenario::new([limit])
    }
}
