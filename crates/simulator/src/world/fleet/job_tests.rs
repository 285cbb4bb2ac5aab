//! Jobs that are split among the workers of a fleet: known and announced limits are spent as by one process, whatever
//! happens to the store.

use std::time::Duration;

use api_ratelimiter_core::config::LimitConfig;
use fastrand::Rng;

use super::*;
use crate::world::{Demand, LimitHint, Report, Scenario, learned, run};

const SECOND: Duration = Duration::from_secs(1);

/// Callers of all workers together, and of the one process.
const CALLERS: usize = 32;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

/// A job of a fleet whose workers have 32 callers in all.
struct Job {
    limit: &'static str,
    hint: LimitHint,
    known: Option<LimitConfig>,
    workers: usize,
    requests: u64,
}

impl Job {
    fn known(workers: usize) -> Self {
        Self {
            limit: "sliding-window:900/60s",
            hint: LimitHint::None,
            known: Some(LimitConfig::new(900.0, 60 * SECOND)),
            workers,
            requests: 2000,
        }
    }

    fn announced(limit: &'static str, workers: usize, requests: u64) -> Self {
        Self {
            limit,
            hint: LimitHint::Headers,
            known: None,
            workers,
            requests,
        }
    }

    fn config(&self) -> ApiRateConfig {
        ApiRateConfig {
            max_rate: 100.0,
            // The token is the job's own.
            reserve: 0.0,
            limits: self.known.clone().into_iter().collect(),
            ..Default::default()
        }
    }

    fn scenario(&self, clients: usize) -> Scenario {
        Scenario {
            workers: CALLERS / clients,
            stagger: Duration::from_millis(10),
            hint: self.hint,
            demand: Demand::Job {
                requests: self.requests / clients as u64,
            },
            length: 3600 * SECOND,
            ..Scenario::new([self.limit.parse().expect("a limit")])
        }
    }

    fn run(&self, faults: &[FleetFault], seed: u64) -> Report {
        let latency = Duration::from_micros(500);
        let workers = fleet(&self.config(), self.workers, latency, faults, seed);
        run(&self.scenario(self.workers), workers.expect("valid"), seed).0
    }

    /// Returns the run of one process with as many callers.
    fn run_in_one_process(&self, seed: u64) -> Report {
        let client = learned(&self.config()).expect("valid");
        run(&self.scenario(1), vec![client], seed).0
    }
}

/// Returns the seconds that the job took.
fn seconds(report: &Report) -> f64 {
    report.jobs_took().expect("it ends").as_secs_f64()
}

fn refused(report: &Report) -> usize {
    report.arrivals().iter().filter(|it| !it.accepted).count()
}

/// Returns an outage of the store, in seconds after the start.
fn down(from: f64, lasts: f64) -> FleetFault {
    FleetFault::StoreDown {
        from: Duration::from_secs_f64(from),
        until: Duration::from_secs_f64(from + lasts),
    }
}

fn wiped(at: f64) -> FleetFault {
    FleetFault::StoreWiped {
        at: Duration::from_secs_f64(at),
    }
}

#[test]
fn a_fleet_does_a_job_as_soon_as_one_process() {
    for workers in [2, 4, 8] {
        for job in [
            Job::known(workers),
            Job::announced("fixed-window:1000/60s", workers, 480),
            Job::announced("fixed-window:1000/60s", workers, 2400),
            Job::announced("sliding-window:600/60s", workers, 560),
            Job::announced("token-bucket:10/s,burst=20", workers, 160),
        ] {
            for seed in SEEDS {
                let (one, all) = (job.run_in_one_process(seed), job.run(&[], seed));
                let ratio = seconds(&all) / seconds(&one);
                assert!(ratio < 1.2, "{}, {workers} workers: {ratio}", job.limit);
                assert_eq!(refused(&all), 0, "{}, {workers} workers", job.limit);
            }
        }
    }
}

#[test]
fn no_window_holds_more_than_a_known_limit_whatever_happens_to_the_store() {
    let mut rng = Rng::with_seed(1);
    for seed in 1..=48 {
        let workers = [2, 4, 8][seed as usize % 3];
        let lasts = 30.0 * rng.f64() * rng.f64();
        // All of a window is spent in the first 10 s. The workers know of each other when the store is lost: one that has
        // never met its fleet can't know its part.
        let faults = [
            down(2.0 + 10.0 * rng.f64(), lasts),
            wiped(1.5 + 10.0 * rng.f64()),
            down(50.0 + 30.0 * rng.f64(), 10.0 * rng.f64()),
            FleetFault::WorkersLate {
                workers: rng.usize(..2),
                at: SECOND,
            },
        ];
        let report = Job::known(workers).run(&faults, seed);
        let of_it = refused(&report);
        assert_eq!(
            of_it, 0,
            "seed {seed}: refused with {workers} workers, {faults:?}"
        );
        // The third window begins after 120 s.
        let took = seconds(&report);
        assert!(
            took < 185.0,
            "seed {seed}: {took} s with {workers} workers, {faults:?}"
        );
    }
}

#[test]
fn no_window_holds_more_than_a_known_limit_if_the_store_is_emptied_as_the_fleet_starts() {
    let mut rng = Rng::with_seed(1);
    let late = FleetFault::WorkersLate {
        workers: 1,
        at: SECOND,
    };
    for seed in 1..=16 {
        // While the workers meet, and just before another one comes, which finds the empty store first.
        for wiped_at in [0.05 * rng.f64(), 1.0 - 0.05 * rng.f64()] {
            for workers in [4, 8] {
                let report = Job::known(workers).run(&[wiped(wiped_at), late], seed);
                let of_it = refused(&report);
                assert_eq!(
                    of_it, 0,
                    "seed {seed}: refused with {workers} workers, emptied at {wiped_at} s"
                );
                let took = seconds(&report);
                assert!(
                    took < 185.0,
                    "seed {seed}: {took} s, emptied at {wiped_at} s"
                );
            }
        }
    }
}

#[test]
fn an_announced_window_is_neither_doubled_nor_lost_with_the_store() {
    let restarted: &[FleetFault] = &[wiped(8.0), down(8.0, 0.2)];
    for (workers, faults) in [
        (4, &[down(3.0, 2.0)][..]),
        (4, &[down(8.0, 5.0)]),
        (8, &[down(3.0, 20.0)]),
        (8, &[down(3.0, 80.0)]),
        (4, &[wiped(9.3)]),
        (8, restarted),
    ] {
        for seed in SEEDS {
            let job = Job::announced("fixed-window:1000/60s", workers, 2400);
            let report = job.run(faults, seed);
            let of_it = refused(&report);
            assert!(of_it <= 12, "seed {seed}: {of_it} refused, {faults:?}");
            // The third window begins after 120 s, and the last request takes 4 s more.
            let took = seconds(&report);
            assert!(took < 127.0, "seed {seed}: {took} s, {faults:?}");
        }
    }
}

#[test]
fn announced_limits_that_roll_are_shared_without_the_store() {
    for (limit, requests, longest) in [
        ("sliding-window:600/60s", 1400, 136.0),
        ("token-bucket:10/s,burst=20", 400, 46.0),
    ] {
        for faults in [[down(3.0, 2.0)], [down(3.0, 20.0)], [down(3.0, 80.0)]] {
            for seed in SEEDS {
                let report = Job::announced(limit, 4, requests).run(&faults, seed);
                let of_it = refused(&report);
                assert!(
                    of_it <= 15,
                    "seed {seed}: {of_it} refused, {limit}, {faults:?}"
                );
                let took = seconds(&report);
                assert!(took < longest, "seed {seed}: {took} s, {limit}, {faults:?}");
            }
        }
    }
}
