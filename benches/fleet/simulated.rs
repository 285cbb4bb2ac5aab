//! Benchmark in virtual time: the code of the workers over a simulated store with latency.

use std::time::Duration;

use api_ratelimiter::ApiRateConfig;
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{
    LimitHint, Report, Scenario, Strategy, Trip, fixed, fleet, learned, run,
};

/// Workers of each fleet, and hidden limits per second.
const SIZES: [usize; 4] = [2, 8, 64, 1000];
const LIMITS: [u32; 4] = [3, 20, 200, 2000];

/// Minimum number of callers per worker. Together they want more than the limit allows.
const CALLERS: usize = 16;

/// Callers per request per second of the limit, in all workers together: enough for round trips of 80 to
/// 180 ms, and half as many again that wait.
const CALLERS_PER_RATE: f64 = 0.2;

/// Seconds per worker of the fleet: twice the time between two visits of one worker to the store.
const LEASE_PER_WORKER: f64 = 0.02;

/// Maximum number of callers of the single client. More callers do not change its figures.
const MAX_CALLERS: usize = 1024;

/// Latency of one way to a store in one region of a cloud. A jitter of up to half of it is added.
const NEAR: Duration = Duration::from_micros(500);

/// Latency of one way to a store in another zone and in another region. The client gives up after 50 ms.
const FAR: [Duration; 2] = [Duration::from_millis(3), Duration::from_millis(10)];

/// Time from which a fleet is measured.
const SETTLED: Duration = Duration::from_secs(300);

/// Grants per worker over which fairness is measured.
const GRANTS: f64 = 20.0;

/// Limits of other kinds, each of 20 per second, with the hints of refusals.
const KINDS: [(&str, LimitHint); 4] = [
    ("fixed-window:200/10s", LimitHint::None),
    ("fixed-window:200/10s", LimitHint::RetryAfter),
    ("sliding-window:200/10s", LimitHint::None),
    ("pacing:20/s", LimitHint::None),
];

/// Rate of the limits of other kinds, per second.
const KINDS_PER_SECOND: u32 = 20;

/// Runs of each row. The table shows the median, and the worst in parentheses.
const SEEDS: u64 = 5;

/// Prints the table.
pub(crate) fn table(only: Option<usize>) {
    println!(
        "at least {CALLERS} callers of each worker, {NEAR:?} each way to the store; from 300 s on; median of {SEEDS} seeds \
         (worst), of one for 1000 workers"
    );
    println!(
        "| workers | limit | single client, refused % | fleet: of it | refused % | Jain | store op/s | op per grant | in vain % | \
         independent: of it, refused % | fixed shares: of it, refused % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for size in SIZES
        .into_iter()
        .filter(|size| only.is_none_or(|only| only == *size))
    {
        for limit in LIMITS {
            let text = format!("token-bucket:{limit}/s,burst={}", (2 * limit).max(5));
            println!("{}", row(size, &text, limit, LimitHint::None, NEAR));
        }
    }
    for size in SIZES[1..3]
        .iter()
        .filter(|size| only.is_none_or(|only| only == **size))
    {
        for (text, hint) in KINDS {
            println!("{}", row(*size, text, KINDS_PER_SECOND, hint, NEAR));
        }
        for latency in FAR {
            for limit in [20, 200] {
                let text = format!("token-bucket:{limit}/s,burst={}", 2 * limit);
                println!("{}", row(*size, &text, limit, LimitHint::None, latency));
            }
        }
    }
}

/// Runs one row with every seed and returns its line.
fn row(size: usize, text: &str, per_second: u32, hint: LimitHint, latency: Duration) -> String {
    let limit: Limit = text.parse().expect("a limit");
    // Each worker gets a few dozen grants in the measured time.
    let judged = (GRANTS * size as f64 / f64::from(per_second) * 1.2).max(1500.0);
    let judged = if per_second >= 2000 { 600.0 } else { judged };
    // A worker of a big fleet visits the store every few seconds and must have requests for that long.
    let each = f64::from(per_second) / size as f64;
    let callers = ((CALLERS_PER_RATE + LEASE_PER_WORKER * size as f64) * each).ceil() as usize;
    let callers = callers.max(CALLERS);
    let scenario = Scenario {
        workers: callers,
        stagger: Duration::from_millis(50),
        trip: Trip::default(),
        hint,
        length: SETTLED + Duration::from_secs_f64(judged),
        ..Scenario::new([limit])
    };
    let config = ApiRateConfig {
        name: "fleet".into(),
        max_rate: 10_000.0,
        ..Default::default()
    };
    let seeds = 1..=if size >= 1000 { 1 } else { SEEDS };
    // The single client, to which the fleet is compared.
    let alone: Vec<[f64; 2]> = seeds
        .clone()
        .map(|seed| {
            let workers = (callers * size).min(MAX_CALLERS);
            let scenario = Scenario {
                workers,
                ..scenario.clone()
            };
            let (report, _) = run(&scenario, vec![learned(&config).expect("valid")], seed);
            let refused = report.refused_share(SETTLED, scenario.length);
            [used(&report, &scenario, per_second), 100.0 * refused]
        })
        .collect();
    let single = median(alone.iter().map(|run| run[0]));
    let refused_alone = median(alone.iter().map(|run| run[1]));
    // The fleet.
    let runs: Vec<[f64; 6]> = seeds
        .clone()
        .map(|seed| {
            let workers = fleet(&config, size, latency, &[], seed).expect("valid");
            let (report, workers) = run(&scenario, workers, seed);
            let counts = workers[0].store_counts();
            let operations = counts.operations as f64;
            [
                100.0 * used(&report, &scenario, per_second) / single,
                100.0 * report.refused_share(SETTLED, scenario.length),
                jain(&report, size),
                operations / scenario.length.as_secs_f64(),
                operations / report.arrivals().len() as f64,
                100.0 * counts.conflicts as f64 / operations,
            ]
        })
        .collect();
    let of = |column: usize| median(runs.iter().map(|run| run[column]));
    let worst = |column: usize, pick: fn(f64, f64) -> f64| {
        runs.iter()
            .map(|run| run[column])
            .reduce(pick)
            .expect("a run")
    };
    // Independent learners and fixed shares.
    let independent = (0..size)
        .map(|_| learned(&config).expect("valid"))
        .collect();
    let independent = others(&scenario, independent, per_second, single);
    let shares = (0..size)
        .map(|_| fixed(f64::from(per_second) / size as f64))
        .collect();
    let shares = others(&scenario, shares, per_second, single);
    let hint = if hint == LimitHint::None {
        ""
    } else {
        ", Retry-After"
    };
    let far = if latency == NEAR {
        String::new()
    } else {
        format!(", {latency:?} to the store")
    };
    format!(
        "| {size} | {text}{hint}{far} | {:.1}%, {refused_alone:.2} | {:.1}% ({:.1}%) | {:.2} ({:.2}) | {:.3} ({:.3}) | {:.0} | {:.2} | {:.1} | \
         {independent} | {shares} |",
        100.0 * single,
        of(0),
        worst(0, f64::min),
        of(1),
        worst(1, f64::max),
        of(2),
        worst(2, f64::min),
        of(3),
        of(4),
        of(5),
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs other strategies and returns their columns.
fn others<S: Strategy>(
    scenario: &Scenario,
    strategies: Vec<S>,
    per_second: u32,
    single: f64,
) -> String {
    let (report, _) = run(scenario, strategies, 1);
    let of_it = used(&report, scenario, per_second) / single;
    let refused = report.refused_share(SETTLED, scenario.length);
    format!("{:.1}%, {:.2}", 100.0 * of_it, 100.0 * refused)
}

/// Returns the used share of the limit.
fn used(report: &Report, scenario: &Scenario, per_second: u32) -> f64 {
    let judged = scenario.length - SETTLED;
    report.accepted(SETTLED, scenario.length) as f64
        / (f64::from(per_second) * judged.as_secs_f64())
}

/// Returns Jain's fairness index of the workers' accepted requests.
fn jain(report: &Report, size: usize) -> f64 {
    let mut got = vec![0.0_f64; size];
    for arrival in report.arrivals() {
        if arrival.accepted && arrival.at.as_nanos() >= SETTLED.as_nanos() as u64 {
            got[arrival.client] += 1.0;
        }
    }
    let sum: f64 = got.iter().sum();
    let squares: f64 = got.iter().map(|one| one * one).sum();
    sum * sum / (size as f64 * squares)
}
