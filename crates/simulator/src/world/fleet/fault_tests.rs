//! Cost of a fleet's faults: less than 2% of requests are refused during a fault and less than 1% from ten
//! seconds after it, and requests never stop. `cargo bench --bench fleet` prints the figures of more seeds.

use std::time::Duration;

use super::*;
use crate::rules::Limit;
use crate::world::{Scenario, run};

const SECOND: Duration = Duration::from_secs(1);

/// Time of the fault: the limit is learned by then.
const AT: Duration = Duration::from_secs(60);

/// Time after the fault until the limit must be kept again.
const RECOVERY: Duration = Duration::from_secs(10);

/// Last part of a run, in which the limit must be kept.
const CALM: Duration = Duration::from_secs(30);

/// Time that must not pass without an accepted request.
const STANDSTILL: Duration = Duration::from_secs(5);

const SEEDS: std::ops::RangeInclusive<u64> = 1..=8;

/// Asserts that workers on a limit of 40 per second keep to it with `faults` that last for `lasts`.
fn a_fleet_keeps_to_its_limit(workers: usize, faults: &[FleetFault], lasts: Duration) {
    let limit: Limit = "token-bucket:40/s,burst=40".parse().expect("a limit");
    let settled = AT + lasts + RECOVERY;
    let scenario = Scenario {
        workers: 8,
        stagger: Duration::from_millis(50),
        length: settled + CALM,
        ..Scenario::new([limit])
    };
    let config = ApiRateConfig {
        initial_rate: 20.0,
        max_rate: 400.0,
        ..Default::default()
    };
    for seed in SEEDS {
        let workers = fleet(&config, workers, Duration::from_micros(500), faults, seed);
        let (report, workers) = run(&scenario, workers.expect("valid"), seed);
        let refused = [
            report.refused_share(AT, settled),
            report.refused_share(settled, scenario.length),
        ];
        assert!(
            refused[0] < 0.02 && refused[1] < 0.01,
            "seed {seed}: {refused:?} refused during and after the fault"
        );
        let accepted = report.arrivals().iter().filter(|it| it.accepted);
        let times: Vec<Time> = accepted.map(|it| it.at).collect();
        let longest = times.windows(2).map(|it| it[1].saturating_since(it[0]));
        assert!(
            longest.max() < Some(STANDSTILL),
            "seed {seed}: requests stopped"
        );
        let used = report.accepted(settled, scenario.length) as f64 / CALM.as_secs_f64() / 40.0;
        assert!(
            used > 0.9,
            "seed {seed}: {used} of the limit after the fault"
        );
        let mut alive = workers.iter().filter(|it| it.killed_at == Time::MAX);
        assert!(
            alive.all(|it| it.member.membership().joined),
            "seed {seed}: a worker did not rejoin"
        );
    }
}

#[test]
fn half_of_the_workers_are_killed() {
    let killed = FleetFault::WorkersKilled { workers: 3, at: AT };
    a_fleet_keeps_to_its_limit(6, &[killed], Duration::ZERO);
}

#[test]
fn the_store_is_down_for_ten_seconds() {
    let lasts = 10 * SECOND;
    let down = FleetFault::StoreDown {
        from: AT,
        until: AT + lasts,
    };
    a_fleet_keeps_to_its_limit(4, &[down], lasts);
}

#[test]
fn the_store_is_restarted_empty() {
    let down = FleetFault::StoreDown {
        from: AT,
        until: AT + SECOND / 5,
    };
    let wiped = FleetFault::StoreWiped { at: AT };
    a_fleet_keeps_to_its_limit(4, &[down, wiped], Duration::ZERO);
    a_fleet_keeps_to_its_limit(4, &[wiped], Duration::ZERO);
}

#[test]
fn a_round_trip_to_the_store_takes_200_ms_for_a_while() {
    let lasts = 15 * SECOND;
    let slow = FleetFault::StoreSlow {
        from: AT,
        until: AT + lasts,
        by: SECOND / 10,
    };
    a_fleet_keeps_to_its_limit(4, &[slow], lasts);
}

#[test]
fn workers_join_late() {
    let late = FleetFault::WorkersLate { workers: 3, at: AT };
    a_fleet_keeps_to_its_limit(6, &[late], Duration::ZERO);
}
