//! The result of each row, and the table of the groups.

use std::time::Duration;

use api_ratelimiter_simulator::world::{learned, run};
use serde_json::{Value, json};

use crate::rows::{Group, Row};

/// Time between a job and the next one of a client with memory: longer than any window of the rows.
const PAUSE: Duration = Duration::from_secs(2 * 3600);

/// Runs of each row.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// The result of one row.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) row: Row,
    /// Median time of the job.
    seconds: f64,
    /// Median of the fastest possible times; for a restart, of the times without memory.
    fastest: f64,
    /// Refused requests of all runs, and all requests.
    refused: usize,
    sent: usize,
    /// Most refused requests of one run.
    most_refused: usize,
}

impl Played {
    /// Plays a row with every seed.
    pub(crate) fn of(row: &Row) -> Self {
        let strategy = learned(&row.config).expect("a valid configuration");
        let (mut times, mut fastest) = (Vec::new(), Vec::new());
        let (mut refused, mut sent, mut most_refused) = (0, 0, 0);
        for seed in SEEDS {
            let scenario = row.scenario(seed);
            let (report, clients) = run(&scenario, vec![strategy.clone(); row.clients], seed);
            // A restarted client is compared with itself at its first start.
            let (report, compared) = if row.group == Group::Restart {
                let restarted = clients
                    .iter()
                    .map(|client| client.restarted(PAUSE))
                    .collect();
                (run(&scenario, restarted, seed).0, report.jobs_took())
            } else {
                (report, scenario.fastest(row.clients, seed))
            };
            let of_run = report
                .arrivals()
                .iter()
                .filter(|arrival| !arrival.accepted)
                .count();
            refused += of_run;
            most_refused = most_refused.max(of_run);
            sent += report.arrivals().len();
            // A job without an end counts as the whole run.
            times.push(report.jobs_took().unwrap_or(scenario.length));
            fastest.push(compared.expect("a job that can end"));
        }
        Self {
            row: row.clone(),
            seconds: median(times),
            fastest: median(fastest),
            refused,
            sent,
            most_refused,
        }
    }

    /// Returns the time as a multiple of the fastest possible.
    pub(crate) fn ratio(&self) -> f64 {
        self.seconds / self.fastest
    }

    fn refused_percent(&self) -> f64 {
        100.0 * self.refused as f64 / self.sent.max(1) as f64
    }

    /// Returns the row as a line of the table.
    pub(crate) fn line(&self) -> String {
        format!(
            "| {:66} | {:5} | {:2} | {:10.1} | {:10.1} | {:7.2} | {:6.2} |",
            self.row.name,
            self.row.requests,
            self.row.workers,
            self.seconds,
            self.fastest,
            self.ratio(),
            self.refused_percent()
        )
    }
}

/// The heading of [`Played::line`].
pub(crate) const ROWS: &str = "| row | requests | workers | seconds | fastest possible | ratio | refused % |\n|---|---|---|---|---|---|---|";

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// The figures of one group.
#[derive(Debug)]
pub(crate) struct Summary {
    name: String,
    rows: usize,
    /// Geometric mean of the ratios.
    mean: f64,
    worst: f64,
    refused_percent: f64,
    most_refused: usize,
    musts: Option<(f64, f64)>,
}

impl Summary {
    /// Returns the figures of every group, then of the rows that have figures of their own, and of all.
    pub(crate) fn all(played: &[Played]) -> Vec<Self> {
        let mut all: Vec<Self> = Group::ALL
            .into_iter()
            .filter_map(|group| {
                let of_group = played.iter().filter(|played| played.row.group == group);
                Self::of(group.name(), group.musts(), of_group)
            })
            .collect();
        let windows = played.iter().filter(|played| {
            matches!(played.row.group, Group::Nothing | Group::RetryAfter)
                && [
                    "fixed-window:1000/60s",
                    "fixed-window:100/60s",
                    "fixed-window:200/10s",
                    "fixed-window:50/10s",
                ]
                .iter()
                .any(|limit| played.row.name.starts_with(limit))
                && played.row.requests == 5_000
        });
        all.extend(Self::of(
            "hidden fixed windows of 10 s and more, 5,000 requests",
            Some((1.04, 0.8)),
            windows,
        ));
        all.extend(Self::of("all", None, played.iter()));
        all
    }

    fn of<'a>(
        name: &str,
        musts: Option<(f64, f64)>,
        played: impl Iterator<Item = &'a Played> + Clone,
    ) -> Option<Self> {
        let rows = played.clone().count();
        if rows == 0 {
            return None;
        }
        let logarithms: f64 = played.clone().map(|played| played.ratio().ln()).sum();
        let refused: f64 = played.clone().map(Played::refused_percent).sum();
        Some(Self {
            name: name.to_owned(),
            rows,
            mean: (logarithms / rows as f64).exp(),
            worst: played.clone().map(Played::ratio).fold(0.0, f64::max),
            refused_percent: refused / rows as f64,
            most_refused: played.map(|played| played.most_refused).max()?,
            musts,
        })
    }

    /// The heading of [`line`](Self::line).
    pub(crate) const HEADING: &str = "| group | rows | time / fastest possible | must | worst row | refused % | must | most refused of a job | verdict |\n|---|---|---|---|---|---|---|---|---|";

    /// Returns the figures as a line of the table.
    pub(crate) fn line(&self) -> String {
        let (time, refused, verdict) = match self.musts {
            Some((time, refused)) => {
                let met = self.mean <= time && self.refused_percent <= refused;
                let refused = if refused.is_finite() {
                    refused.to_string()
                } else {
                    String::new()
                };
                (
                    time.to_string(),
                    refused,
                    if met { "met" } else { "missed" },
                )
            }
            None => Default::default(),
        };
        format!(
            "| {:50} | {:3} | {:6.3} | {time:4} | {:7.1} | {:6.3} | {refused:4} | {:5} | {verdict:6} |",
            self.name, self.rows, self.mean, self.worst, self.refused_percent, self.most_refused
        )
    }

    /// Returns the figures as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({
            "group": self.name,
            "rows": self.rows,
            "mean": self.mean,
            "worst": self.worst,
            "refused_percent": self.refused_percent,
            "most_refused": self.most_refused,
        })
    }
}
