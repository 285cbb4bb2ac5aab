//! Cost of faults in virtual time: refusals and use of the limit during a fault and after it.

use std::time::Duration;

use api_ratelimiter::ApiRateConfig;
use api_ratelimiter_simulator::world::{FleetFault, Scenario, fleet, run};

/// Time of the fault: the limit is learned by then.
const AT: Duration = Duration::from_secs(60);

/// Time after the fault until the limit must be kept again.
const RECOVERY: Duration = Duration::from_secs(10);

/// Last part of a run, in which the limit must be kept.
const CALM: Duration = Duration::from_secs(60);

const SEEDS: u64 = 40;

/// Rate that the API allows, per second.
const ALLOWED: f64 = 40.0;

const SECOND: Duration = Duration::from_secs(1);

/// Prints the table.
pub(crate) fn table() {
    println!(
        "token-bucket:{ALLOWED}/s,burst={ALLOWED}; learned for {AT:?}, then it happens; refused and used while it lasts and \
         10 s longer, and in the 60 s after that; median of {SEEDS} seeds (worst)"
    );
    println!("| what happens | refused % | of the limit | refused % afterwards | of the limit |");
    println!("|---|---|---|---|---|");
    // The faults, and one row for each.
    let down = |lasts| FleetFault::StoreDown {
        from: AT,
        until: AT + lasts,
    };
    let slow = |by| FleetFault::StoreSlow {
        from: AT,
        until: AT + 15 * SECOND,
        by,
    };
    let wiped = FleetFault::StoreWiped { at: AT };
    let rows: [(&str, usize, &[FleetFault], Duration); 8] = [
        ("nothing, 4 workers", 4, &[], Duration::ZERO),
        (
            "3 of 6 workers are killed",
            6,
            &[FleetFault::WorkersKilled { workers: 3, at: AT }],
            Duration::ZERO,
        ),
        (
            "the store stands still for 10 s",
            4,
            &[down(10 * SECOND)],
            10 * SECOND,
        ),
        ("the store is emptied", 4, &[wiped], Duration::ZERO),
        (
            "the store is restarted, empty",
            4,
            &[wiped, down(SECOND / 5)],
            Duration::ZERO,
        ),
        (
            "200 ms and more to the store and back for 15 s",
            4,
            &[slow(SECOND / 10)],
            15 * SECOND,
        ),
        (
            "40 to 60 ms to the store and back for 15 s: some visits are in time",
            4,
            &[slow(SECOND / 50)],
            15 * SECOND,
        ),
        (
            "3 workers join 3",
            6,
            &[FleetFault::WorkersLate { workers: 3, at: AT }],
            Duration::ZERO,
        ),
    ];
    for (name, workers, faults, lasts) in rows {
        println!("{}", row(name, workers, faults, lasts));
    }
}

/// Runs one row with every seed and returns its line.
fn row(name: &str, workers: usize, faults: &[FleetFault], lasts: Duration) -> String {
    let settled = AT + lasts + RECOVERY;
    let end = settled + CALM;
    let limit = format!("token-bucket:{ALLOWED}/s,burst={ALLOWED}");
    let scenario = Scenario {
        workers: 8,
        stagger: Duration::from_millis(50),
        length: end,
        ..Scenario::new([limit.parse().expect("a limit")])
    };
    let config = ApiRateConfig {
        initial_rate: 20.0,
        max_rate: 400.0,
        ..Default::default()
    };
    let runs: Vec<[f64; 4]> = (1..=SEEDS)
        .map(|seed| {
            let workers = fleet(&config, workers, Duration::from_micros(500), faults, seed);
            let (report, _) = run(&scenario, workers.expect("valid"), seed);
            let used = |from: Duration, to: Duration| {
                report.accepted(from, to) as f64 / (to - from).as_secs_f64() / ALLOWED
            };
            [
                report.refused_share(AT, settled),
                used(AT, settled),
                report.refused_share(settled, end),
                used(settled, end),
            ]
            .map(|share| 100.0 * share)
        })
        .collect();
    // The sorted values of one column.
    let of = |column: usize| {
        let mut values: Vec<f64> = runs.iter().map(|run| run[column]).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let most = |column| of(column)[SEEDS as usize - 1];
    let median = |column| of(column)[SEEDS as usize / 2];
    let least = |column| of(column)[0];
    format!(
        "| {name} | {:.2} ({:.2}) | {:.1}% ({:.1}%) | {:.2} ({:.2}) | {:.1}% ({:.1}%) |",
        median(0),
        most(0),
        median(1),
        least(1),
        median(2),
        most(2),
        median(3),
        least(3),
    )
}
