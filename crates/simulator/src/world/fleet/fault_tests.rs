//! What a fleet's faults cost: less than 2% are refused while they last, less than 1% ten seconds later, and nothing
//! stands still. `cargo bench --bench fleet` shows the figures of more seeds.

use std::time::Duration;

use super::*;
use crate::Limit;
use crate::world::{Scenario, run};

const SECOND: Duration = Duration::from_secs(1);

/// When it happens: the limit is learned by then.
const AT: Duration = Duration::from_secs(60);

/// Until the limit has to be kept again.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// The last part of a run, in which it is kept.
const CALM: Duration = Duration::from_secs(30);

/// No such time may pass without an answer.
const STANDSTILL: Duration = Duration::from_secs(5);

const SEEDS: std::ops::RangeInclusive<u64> = 1..=8;

/// So many workers on a limit of 40 per second; what happens to them lasts so long.
fn a_fleet_keeps_to_its_limit(workers: usize, mishaps: &[Mishap], lasts: Duration) {
    let limit: Limit = "token-bucket:40/s,burst=40".parse().expect("a limit");
    let settled = AT + lasts + AFTERWARDS;
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
        let workers = fleet(&config, workers, Duration::from_micros(500), mishaps, seed);
        let (report, workers) = run(&scenario, workers.expect("valid"), seed);
        let refused = [
            report.refused_share(AT, settled),
            report.refused_share(settled, scenario.length),
        ];
        assert!(
            refused[0] < 0.02 && refused[1] < 0.01,
            "seed {seed}: {refused:?} refused while it lasted and afterwards"
        );
        let answers = report.arrivals().iter().filter(|it| it.accepted);
        let times: Vec<Time> = answers.map(|it| it.at).collect();
        let longest = times.windows(2).map(|it| it[1].saturating_since(it[0]));
        assert!(
            longest.max() < Some(STANDSTILL),
            "seed {seed}: a standstill"
        );
        let used = report.accepted(settled, scenario.length) as f64 / CALM.as_secs_f64() / 40.0;
        assert!(used > 0.9, "seed {seed}: {used} of the limit afterwards");
        let mut alive = workers.iter().filter(|it| it.is_killed == Time::MAX);
        assert!(
            alive.all(|it| it.member.membership().joined),
            "seed {seed}: not all are back"
        );
    }
}

#[test]
fn when_half_of_the_workers_are_killed() {
    let killed = Mishap::Killed { workers: 3, at: AT };
    a_fleet_keeps_to_its_limit(6, &[killed], Duration::ZERO);
}

#[test]
fn when_the_store_stands_still_for_ten_seconds() {
    let lasts = 10 * SECOND;
    let away = Mishap::Away {
        from: AT,
        until: AT + lasts,
    };
    a_fleet_keeps_to_its_limit(4, &[away], lasts);
}

#[test]
fn when_the_store_is_restarted_empty() {
    let away = Mishap::Away {
        from: AT,
        until: AT + SECOND / 5,
    };
    let emptied = Mishap::Emptied { at: AT };
    a_fleet_keeps_to_its_limit(4, &[away, emptied], Duration::ZERO);
    a_fleet_keeps_to_its_limit(4, &[emptied], Duration::ZERO);
}

#[test]
fn when_the_way_to_the_store_takes_200_ms_for_a_while() {
    let lasts = 15 * SECOND;
    let slow = Mishap::Slow {
        from: AT,
        until: AT + lasts,
        by: SECOND / 10,
    };
    a_fleet_keeps_to_its_limit(4, &[slow], lasts);
}

#[test]
fn when_workers_join_late() {
    let late = Mishap::Late { workers: 3, at: AT };
    a_fleet_keeps_to_its_limit(6, &[late], Duration::ZERO);
}
