//! Jobs by name, beside other ways to wait: an even pace, a loop that sleeps and retries, and Octokit's throttling.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig, Time};
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{
    Decision, Demand, LimitHint, Scenario, Strategy, fixed, learned, run,
};

/// Workers of each client.
const WORKERS: usize = 16;

/// Time from the start after which a run is given up.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Random numbers of the runs.
const SEED: u64 = 1;

/// A job: number of requests, limits with the announced one first, what the server says, and the preset if there is one.
type Job = (
    u64,
    &'static [&'static str],
    LimitHint,
    Option<&'static str>,
);

#[rustfmt::skip]
const JOBS: [Job; 6] = [
    (300, &["fixed-window:5000/1h"], LimitHint::Headers, None),
    (4_500, &["fixed-window:5000/1h"], LimitHint::Headers, None),
    (2_000, &["fixed-window:5000/1h,from=first", "sliding-window:900/60s"], LimitHint::Headers, Some("github")),
    (1_000, &["sliding-window:600/60s"], LimitHint::RetryAfter, None),
    (3_000, &["fixed-window:200/10s,from=first"], LimitHint::None, None),
    (1_000, &["token-bucket:10/s,burst=20"], LimitHint::None, None),
];

/// Prints a line for each job, with the time and the refused requests of each way to wait.
pub(crate) fn print() {
    println!(
        "| job | this library | even pace at the limit | Octokit's rule | sleep and retry | fastest possible |"
    );
    println!("|---|---|---|---|---|---|");
    for (requests, limits, hint, preset) in JOBS {
        let scenario = Scenario {
            workers: WORKERS,
            hint,
            announced: (limits.len() > 1).then_some(0),
            demand: Demand::Job { requests },
            length: LONGEST,
            ..Scenario::new(limits.iter().map(|text| text.parse().expect("a limit")))
        };
        let preset = preset.and_then(|name| API_RATE_CONFIGS.get(name));
        let config = ApiRateConfig {
            reserve: 0.0,
            ..preset.map_or_else(
                || ApiRateConfig {
                    max_rate: 1000.0,
                    ..ApiRateConfig::default()
                },
                |preset| ApiRateConfig::clone(&preset),
            )
        };
        // Who paces evenly has to know the limits.
        let rates = scenario.limits.iter().filter_map(Limit::per_second);
        let even = rates.fold(f64::INFINITY, f64::min);
        let fastest = scenario.fastest(1, SEED).expect("a job that can end");
        println!(
            "| {requests} of {}, {hint:?} | {} | {} | {} | {} | {:.1} s |",
            limits.join(" + "),
            played(&scenario, learned(&config).expect("a valid configuration")),
            played(&scenario, fixed(even)),
            played(&scenario, SleepAndRetry::octokit()),
            played(&scenario, SleepAndRetry::doubling()),
            fastest.as_secs_f64(),
        );
    }
}

/// Returns the time of the job, and the refused requests.
fn played<S: Strategy>(scenario: &Scenario, strategy: S) -> String {
    let (report, _) = run(scenario, vec![strategy], SEED);
    let arrivals = report.arrivals();
    let refused = arrivals.iter().filter(|arrival| !arrival.accepted).count();
    let time = report.jobs_took().map_or_else(
        || "not finished".to_owned(),
        |time| format!("{:.1} s", time.as_secs_f64()),
    );
    format!("{time}, {refused} refused")
}

/// Workers that know nothing of each other: each one sends, and after a refusal it sleeps and sends again.
#[derive(Debug)]
struct SleepAndRetry {
    /// Workers that are awake and have no request in flight.
    awake: usize,
    /// Times at which the others wake, each with its number of refusals in a row.
    asleep: BinaryHeap<Reverse<(Time, u32)>>,
    /// Sleep after the first refusal without a hint.
    first_sleep: Duration,
    /// Longest sleep without a hint. Each refusal in a row doubles the sleep until then.
    longest_sleep: Duration,
    /// Time that is added to the wait that the server names.
    margin: Duration,
}

impl SleepAndRetry {
    /// A loop as people write it: a second, doubled up to a minute; or what the server names.
    fn doubling() -> Self {
        Self {
            awake: WORKERS,
            asleep: BinaryHeap::new(),
            first_sleep: Duration::from_secs(1),
            longest_sleep: Duration::from_secs(60),
            margin: Duration::ZERO,
        }
    }

    /// The rule of Octokit's throttling plugin: ten requests at once; after a refusal the request waits until a
    /// second after the reset, or a minute if the response names no wait. Its place stays taken meanwhile.
    ///
    /// Source: octokit/plugin-throttling.js, `src/index.ts`; SGrondin/bottleneck, `src/Job.coffee`.
    fn octokit() -> Self {
        Self {
            awake: 10,
            first_sleep: Duration::from_secs(60),
            margin: Duration::from_secs(1),
            ..Self::doubling()
        }
    }
}

impl Strategy for SleepAndRetry {
    /// Number of refusals of the worker in a row.
    type Permit = u32;

    fn poll(&mut self, now: Time, _waited: bool) -> Decision<u32> {
        if let Some(Reverse((until, refusals))) = self.asleep.peek().copied()
            && until <= now
        {
            self.asleep.pop();
            return Decision::Send(refusals);
        }
        if self.awake > 0 {
            self.awake -= 1;
            return Decision::Send(0);
        }
        let next = self.asleep.peek().map(|Reverse((until, _))| *until);
        Decision::WaitUntil(next.unwrap_or(Time::MAX))
    }

    fn success(&mut self, _now: Time, _permit: u32) {
        self.awake += 1;
    }

    fn backoff(&mut self, now: Time, refusals: u32, hint: Option<Duration>, _chance: f64) {
        let doubled = self.first_sleep.saturating_mul(1 << refusals.min(6));
        let sleep = match hint {
            Some(hint) => hint + self.margin,
            None => doubled.min(self.longest_sleep),
        };
        self.asleep.push(Reverse((now + sleep, refusals + 1)));
    }

    fn rate_per_second(&self) -> f64 {
        f64::INFINITY
    }
}
