//! The figures of a simulated job.

use std::fmt::Write as _;
use std::time::Duration;

use api_ratelimiter_simulator::world::{Report, Scenario};
use serde_json::json;

/// The result of a job of each client.
#[derive(Debug)]
pub(super) struct JobFigures {
    /// Time from the start until the last job ended; `None` if one did not end.
    seconds: Option<f64>,
    /// Time of clients that know the limits; `None` if not even they finish within the run.
    fastest_seconds: Option<f64>,
    accepted: u64,
    refused: u64,
}

impl JobFigures {
    pub(super) fn of(report: &Report, scenario: &Scenario, clients: u32, seed: u64) -> Self {
        let arrivals = report.arrivals();
        let accepted = arrivals.iter().filter(|arrival| arrival.accepted).count();
        Self {
            seconds: report.jobs_took().map(|time| time.as_secs_f64()),
            fastest_seconds: scenario
                .fastest(clients as usize, seed)
                .as_ref()
                .map(Duration::as_secs_f64),
            accepted: accepted as u64,
            refused: (arrivals.len() - accepted) as u64,
        }
    }

    fn refused_ratio(&self) -> f64 {
        self.refused as f64 / (self.accepted + self.refused).max(1) as f64
    }

    fn utilisation(&self) -> Option<f64> {
        Some(self.fastest_seconds? / self.seconds?)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({
            "seconds": self.seconds,
            "fastest_seconds": self.fastest_seconds,
            "utilisation": self.utilisation(),
            "refused_ratio": self.refused_ratio(),
            "accepted": self.accepted,
            "refused": self.refused,
        })
    }

    /// Returns the figures as a table below `heading`.
    pub(super) fn table(&self, heading: &str) -> String {
        let mut text = heading.to_owned();
        let seconds = |seconds: Option<f64>| match seconds {
            Some(seconds) => format!("{seconds:.1} s"),
            None => "not finished".to_owned(),
        };
        let utilisation = match self.utilisation() {
            Some(share) => format!("{:.1}%", 100.0 * share),
            None => "unknown".to_owned(),
        };
        let rows = [
            ("the job took", seconds(self.seconds)),
            ("the fastest possible", seconds(self.fastest_seconds)),
            ("utilisation", utilisation),
            ("accepted", self.accepted.to_string()),
            ("refused", self.refused.to_string()),
            (
                "refused share",
                format!("{:.2}%", 100.0 * self.refused_ratio()),
            ),
        ];
        for (name, value) in rows {
            let _ = writeln!(text, "  {name:<23} {value:>12}");
        }
        text
    }
}
