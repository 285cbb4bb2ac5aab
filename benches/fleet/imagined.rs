//! Virtual time: the code of the workers, over a store whose visits take their time.

use std::time::Duration;

use api_ratelimiter::ApiRateConfig;
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{
    LimitHint, Report, Scenario, Strategy, Trip, fixed, fleet, learned, run,
};

/// Workers of each fleet, and the hidden limits per second.
const SIZES: [usize; 4] = [2, 8, 64, 1000];
const LIMITS: [u32; 4] = [3, 20, 200, 2000];

/// Callers of each worker, at least; together they want more than the limit gives.
const CALLERS: usize = 16;

/// Requests of all callers under way at once, for each one per second that the limit allows: round trips of 80 to 180 ms,
/// and half as many again who wait.
const UNDER_WAY: f64 = 0.2;

/// Seconds for each worker: twice what the library lets pass between two visits of one worker.
const LEASE_OF_EACH: f64 = 0.02;

/// Callers of the single client; more change nothing.
const MOST_CALLERS: usize = 1024;

/// One way to the store, before a jitter of up to half as much: the same region of a cloud.
const LEG: Duration = Duration::from_micros(500);

/// The way to stores that are further off: another zone, another region. The client gives up at 50 ms there and back.
const FAR: [Duration; 2] = [Duration::from_millis(3), Duration::from_millis(10)];

/// A fleet is judged from here on.
const SETTLED: Duration = Duration::from_secs(300);

/// Grants of each worker over which fairness is judged.
const GRANTS: f64 = 20.0;

/// Limits of other kinds, each of 20 per second, and what refusals say of the wait.
const KINDS: [(&str, LimitHint); 4] = [
    ("fixed-window:200/10s", LimitHint::None),
    ("fixed-window:200/10s", LimitHint::RetryAfter),
    ("sliding-window:200/10s", LimitHint::None),
    ("pacing:20/s", LimitHint::None),
];

/// Per second.
const OF_EACH_KIND: u32 = 20;

/// Runs of each row; the median counts, and the worst stands beside it.
const SEEDS: u64 = 5;

pub(crate) fn table(only: Option<usize>) {
    println!(
        "at least {CALLERS} callers of each worker, {LEG:?} each way to the store; from 300 s on; median of {SEEDS} seeds \
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
            println!("{}", row(size, &text, limit, LimitHint::None, LEG));
        }
    }
    for size in SIZES[1..3]
        .iter()
        .filter(|size| only.is_none_or(|only| only == **size))
    {
        for (text, hint) in KINDS {
            println!("{}", row(*size, text, OF_EACH_KIND, hint, LEG));
        }
        for leg in FAR {
            for limit in [20, 200] {
                let text = format!("token-bucket:{limit}/s,burst={}", 2 * limit);
                println!("{}", row(*size, &text, limit, LimitHint::None, leg));
            }
        }
    }
}

fn row(size: usize, text: &str, per_second: u32, hint: LimitHint, leg: Duration) -> String {
    let limit: Limit = text.parse().expect("a limit");
    // Everybody gets a few dozen grants in the time that is judged.
    let judged = (GRANTS * size as f64 / f64::from(per_second) * 1.2).max(1500.0);
    let judged = if per_second >= 2000 { 600.0 } else { judged };
    // As many as a worker of a big fleet, that comes to the store every few seconds, has to send.
    let each = f64::from(per_second) / size as f64;
    let callers = ((UNDER_WAY + LEASE_OF_EACH * size as f64) * each).ceil() as usize;
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
    let alone: Vec<[f64; 2]> = seeds
        .clone()
        .map(|seed| {
            let workers = (callers * size).min(MOST_CALLERS);
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
    let runs: Vec<[f64; 6]> = seeds
        .clone()
        .map(|seed| {
            let workers = fleet(&config, size, leg, &[], seed).expect("valid");
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
    let of = |place: usize| median(runs.iter().map(|run| run[place]));
    let worst = |place: usize, pick: fn(f64, f64) -> f64| {
        runs.iter()
            .map(|run| run[place])
            .reduce(pick)
            .expect("a run")
    };
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
    let far = if leg == LEG {
        String::new()
    } else {
        format!(", {leg:?} to the store")
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

/// Share of what the limit allows.
fn used(report: &Report, scenario: &Scenario, per_second: u32) -> f64 {
    let judged = scenario.length - SETTLED;
    report.accepted(SETTLED, scenario.length) as f64
        / (f64::from(per_second) * judged.as_secs_f64())
}

/// Jain's index of what each worker got.
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
