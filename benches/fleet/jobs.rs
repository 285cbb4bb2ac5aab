//! One job that is split among the workers of a fleet, in virtual time: how long it takes beside the fastest possible, one
//! process with as many callers, and as many clients without a fleet.

use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, LimitConfig};
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{
    Demand, LimitHint, Report, Scenario, Strategy, fleet, learned, run,
};
use fastrand::Rng;

/// Workers of each fleet.
const SIZES: [usize; 3] = [2, 4, 8];

/// Callers of all workers together, and of the one process.
const CALLERS: usize = 32;

/// Delay between the starts of two workers.
const STAGGER: Duration = Duration::from_millis(50);

/// Latency of one way to the store, and up to half of it more.
const NEAR: Duration = Duration::from_micros(500);

/// Highest rate, in requests per second: no limit here allows more in the long run.
const MAX_RATE: f64 = 100.0;

/// Time from the start after which a run is given up.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Runs of each row. The table shows medians.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// Largest geometric mean of the fleet's time over that of one process, for each group. Where the server announces its
/// limit or the client knows it, no larger part is refused than of one process.
const MUST: f64 = 1.2;

/// What the workers know of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Announced,
    Known,
    Nothing,
}

/// One job.
struct Row {
    group: Group,
    limit: &'static str,
    hint: LimitHint,
    /// A known limit: requests in any window of this length.
    known: Option<(f64, Duration)>,
    requests: u64,
}

/// Figures of one way to do a job.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Median time, as a multiple of the fastest possible.
    ratio: f64,
    /// Share of refused requests in all runs.
    refused_percent: f64,
}

/// Prints the table. `only`: the rows of that number of workers.
pub(crate) fn table(only: Option<usize>) {
    println!(
        "one job split among the workers, {CALLERS} callers in all, {NEAR:?} each way to the store; time as a multiple of the \
         fastest possible, and refused %; medians of 5 seeds"
    );
    println!(
        "| workers | limit | requests | fastest possible | one process | fleet | without a fleet | record |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut played = Vec::new();
    for row in rows() {
        for size in SIZES
            .into_iter()
            .filter(|size| only.is_none_or(|only| only == *size))
        {
            let (line, one, shared) = row.played(size);
            println!("{line}");
            played.push((row.group, one, shared));
        }
    }
    println!(
        "\n| group | rows | fleet / one process | must | refused %: one process | fleet | verdict |"
    );
    println!("|---|---|---|---|---|---|---|");
    for group in &[Group::Announced, Group::Known, Group::Nothing] {
        let of_group = || played.iter().filter(|it| it.0 == *group);
        let rows = of_group().count().max(1) as f64;
        let logarithms: f64 = of_group().map(|it| (it.2.ratio / it.1.ratio).ln()).sum();
        let mean = (logarithms / rows).exp();
        let one = of_group().map(|it| it.1.refused_percent).sum::<f64>() / rows;
        let shared = of_group().map(|it| it.2.refused_percent).sum::<f64>() / rows;
        let met = mean <= MUST && (shared <= one || *group == Group::Nothing);
        println!(
            "| {group:?} | {rows} | {mean:.3} | {MUST} | {one:.3} | {shared:.3} | {} |",
            if met { "met" } else { "missed" }
        );
    }
}

/// Returns all rows.
fn rows() -> Vec<Row> {
    let announced = [
        ("fixed-window:1000/60s", [160, 1000, 3200]),
        ("fixed-window:5000/1h", [160, 1000, 4800]),
        ("sliding-window:600/60s", [160, 560, 1600]),
        ("token-bucket:10/s,burst=20", [32, 160, 1000]),
    ];
    let known = [
        ("sliding-window:900/60s", (900.0, 60), [160, 880, 3200]),
        ("fixed-window:100/10s", (100.0, 10), [32, 160, 1000]),
    ];
    let mut rows = Vec::new();
    for (limit, jobs) in announced {
        for (group, hint) in [
            (Group::Announced, LimitHint::Headers),
            (Group::Nothing, LimitHint::RetryAfter),
        ] {
            rows.extend(jobs.map(|requests| Row {
                group,
                limit,
                hint,
                known: None,
                requests,
            }));
        }
    }
    for (limit, (most, seconds), jobs) in known {
        rows.extend(jobs.map(|requests| Row {
            group: Group::Known,
            limit,
            hint: LimitHint::None,
            known: Some((most, Duration::from_secs(seconds))),
            requests,
        }));
    }
    rows
}

impl Row {
    /// Plays the row with every seed. Returns its line, and the figures of one process and of the fleet.
    fn played(&self, size: usize) -> (String, Figures, Figures) {
        let config = self.config();
        let client = learned(&config).expect("a valid configuration");
        let one = self.figures(1, |_| vec![client.clone()]);
        let without = self.figures(size, |_| vec![client.clone(); size]);
        let mut bytes = 0;
        let shared = self.figures_of(
            size,
            |seed| fleet(&config, size, NEAR, &[], seed).expect("a valid configuration"),
            |workers| bytes = bytes.max(workers[0].record_bytes()),
        );
        let fastest = median(SEEDS.map(|seed| self.fastest(size, seed)));
        let text = |it: Figures| format!("{:.2}, {:.2}", it.ratio, it.refused_percent);
        let known = if self.known.is_some() { ", known" } else { "" };
        let hint = match self.hint {
            LimitHint::Headers => ", announced",
            LimitHint::RetryAfter => ", Retry-After",
            _ => "",
        };
        let line = format!(
            "| {size} | {}{hint}{known} | {} | {fastest:.1} s | {} | {} | {} | {bytes} bytes |",
            self.limit,
            self.requests,
            text(one),
            text(shared),
            text(without),
        );
        (line, one, shared)
    }

    fn config(&self) -> ApiRateConfig {
        let limits = self
            .known
            .map(|(requests, per)| LimitConfig::new(requests, per));
        ApiRateConfig {
            name: "fleet".into(),
            max_rate: MAX_RATE,
            // The token is the job's own.
            reserve: 0.0,
            limits: limits.into_iter().collect(),
            ..Default::default()
        }
    }

    /// Returns the scenario of one run, with this number of clients. Windows on a grid have a phase drawn from the seed.
    fn scenario(&self, clients: usize, seed: u64) -> Scenario {
        let mut limit: Limit = self.limit.parse().expect("a limit");
        if let Some(window) = limit.window() {
            limit = limit.with_phase(window.mul_f64(Rng::with_seed(seed).f64()));
        }
        Scenario {
            workers: CALLERS / clients,
            stagger: STAGGER,
            hint: self.hint,
            demand: Demand::Job {
                requests: self.requests / clients as u64,
            },
            length: LONGEST,
            ..Scenario::new([limit])
        }
    }

    fn fastest(&self, clients: usize, seed: u64) -> f64 {
        let fastest = self.scenario(clients, seed).fastest(clients, seed);
        fastest.expect("a job that can end").as_secs_f64()
    }

    fn figures<S: Strategy>(&self, clients: usize, new: impl Fn(u64) -> Vec<S>) -> Figures {
        self.figures_of(clients, new, |_| {})
    }

    fn figures_of<S: Strategy>(
        &self,
        clients: usize,
        new: impl Fn(u64) -> Vec<S>,
        mut after: impl FnMut(&[S]),
    ) -> Figures {
        let (mut refused, mut sent) = (0, 0);
        let ratios: Vec<f64> = SEEDS
            .map(|seed| {
                let (report, strategies) = run(&self.scenario(clients, seed), new(seed), seed);
                after(&strategies);
                refused += refused_of(&report);
                sent += report.arrivals().len();
                // A job without an end counts as the whole run.
                let took = report.jobs_took().unwrap_or(LONGEST);
                took.as_secs_f64() / self.fastest(clients, seed)
            })
            .collect();
        Figures {
            ratio: median(ratios.into_iter()),
            refused_percent: 100.0 * refused as f64 / sent.max(1) as f64,
        }
    }
}

fn refused_of(report: &Report) -> usize {
    let arrivals = report.arrivals().iter();
    arrivals.filter(|arrival| !arrival.accepted).count()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
