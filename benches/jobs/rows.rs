//! The rows of the table: one job of some requests under some limits.

use std::time::Duration;

use api_ratelimiter::ApiRateConfig;
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{Demand, LimitHint, Neighbour, ResetError, Scenario};
use fastrand::Rng;

/// Requests of a job.
const SIZES: [u64; 4] = [30, 150, 1_000, 5_000];

/// Workers of a client.
const WORKERS: [usize; 4] = [1, 4, 16, 64];

/// Highest rate of clients without a preset, in requests per second: no limit here allows more in the long run.
const MAX_RATE: f64 = 1000.0;

/// Time from the start after which a run is given up.
const LONGEST: Duration = Duration::from_secs(300 * 24 * 3600);

/// Limits that a server can announce.
const ANNOUNCEABLE: [&str; 10] = [
    "fixed-window:5000/1h",
    "fixed-window:1000/60s",
    "fixed-window:100/60s",
    "fixed-window:200/10s",
    "fixed-window:50/10s",
    "fixed-window:300/5s",
    "sliding-window:600/60s",
    "sliding-window:5000/1h",
    "token-bucket:10/s,burst=20",
    "token-bucket:1.39/s,burst=5000",
];

/// An announced limit with a hidden one beside it.
const HIDDEN_SECOND: [&str; 2] = ["fixed-window:5000/1h", "token-bucket:15/s,burst=15"];

/// A limit that nothing can announce.
const CONCURRENCY: &str = "concurrency:20";

/// Vendors' limits as documented, the announced one first.
const PRESETS: [(&str, &[&str], LimitHint); 7] = [
    (
        "github",
        &["fixed-window:5000/1h,from=first", "sliding-window:900/60s"],
        LimitHint::Headers,
    ),
    ("notion", &["fixed-window:180/60s"], LimitHint::RetryAfter),
    ("vanta", &["fixed-window:50/60s"], LimitHint::None),
    ("asana", &["sliding-window:150/60s"], LimitHint::RetryAfter),
    ("hubspot", &["sliding-window:100/10s"], LimitHint::Headers),
    (
        "linear",
        &["token-bucket:0.6944/s,burst=2500"],
        LimitHint::Headers,
    ),
    ("stripe", &["token-bucket:100/s,burst=100"], LimitHint::None),
];

/// A set of rows with one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Announced,
    Hourly,
    HiddenSecond,
    Nothing,
    RetryAfter,
    Concurrency,
    SlowAtOnce,
    Presets,
    Neighbour,
    Clients,
    FromFirst,
    Waits,
    Long,
    Misleading,
    Restart,
}

impl Group {
    pub(crate) const ALL: [Self; 15] = [
        Self::Announced,
        Self::Hourly,
        Self::HiddenSecond,
        Self::Nothing,
        Self::RetryAfter,
        Self::Concurrency,
        Self::SlowAtOnce,
        Self::Presets,
        Self::Neighbour,
        Self::Clients,
        Self::FromFirst,
        Self::Waits,
        Self::Long,
        Self::Misleading,
        Self::Restart,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced, no hidden second limit",
            Self::Hourly => "5,000 an hour announced, 16 workers, up to 4,500",
            Self::HiddenSecond => "hidden second limit beside an announced one",
            Self::Nothing => "nothing announced",
            Self::RetryAfter => "Retry-After only",
            Self::Concurrency => "concurrency, nothing and Retry-After",
            Self::SlowAtOnce => "concurrency, 1 to 6 s of work on each request",
            Self::Presets => "presets",
            Self::Neighbour => "a neighbour on the token",
            Self::Clients => "2 and 4 clients of one token",
            Self::FromFirst => "windows from the first request, all hints",
            Self::Waits => "announced by a GCRA, with its waits",
            Self::Long => "announced windows of a day to 30 days",
            Self::Misleading => "announced with wrong resets",
            Self::Restart => "restart with memory, over a start without",
        }
    }

    /// Returns the largest geometric mean of time over the fastest possible that is acceptable, and the
    /// largest percentage of refused requests. Groups without a bound are shown for comparison.
    pub(crate) fn musts(self) -> Option<(f64, f64)> {
        match self {
            Self::Announced => Some((1.35, 0.05)),
            Self::Hourly => Some((1.05, 0.0)),
            Self::HiddenSecond => Some((1.4, f64::INFINITY)),
            Self::Nothing | Self::RetryAfter => Some((1.55, 1.5)),
            Self::Presets => Some((1.4, 0.02)),
            Self::Neighbour => Some((1.2, 0.2)),
            Self::Clients => Some((1.6, 1.5)),
            Self::SlowAtOnce => Some((1.55, 1.5)),
            Self::Restart => Some((1.0, f64::INFINITY)),
            Self::Concurrency | Self::FromFirst | Self::Waits => None,
            Self::Long | Self::Misleading => None,
        }
    }
}

/// One row: a job, played with several seeds.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) group: Group,
    pub(crate) name: String,
    pub(crate) config: ApiRateConfig,
    pub(crate) clients: usize,
    pub(crate) requests: u64,
    pub(crate) workers: usize,
    scenario: Scenario,
}

impl Row {
    fn new(group: Group, limits: &[&str], hint: LimitHint, requests: u64, workers: usize) -> Self {
        let parsed: Vec<Limit> = limits
            .iter()
            .map(|text| text.parse().expect("a limit"))
            .collect();
        Self {
            group,
            name: format!("{}, {hint:?}", limits.join(" + ")),
            config: ApiRateConfig {
                max_rate: MAX_RATE,
                ..ApiRateConfig::default()
            },
            clients: 1,
            requests,
            workers,
            scenario: Scenario {
                workers,
                hint,
                announced: (limits.len() > 1).then_some(0),
                demand: Demand::Job { requests },
                length: LONGEST,
                ..Scenario::new(parsed)
            },
        }
    }

    /// Returns the scenario of one run: windows on a grid have a phase drawn from the seed.
    pub(crate) fn scenario(&self, seed: u64) -> Scenario {
        let mut rng = Rng::with_seed(seed);
        let mut scenario = self.scenario.clone();
        for limit in &mut scenario.limits {
            if let Some(window) = limit.window() {
                *limit = limit.with_phase(window.mul_f64(rng.f64()));
            }
        }
        scenario
    }
}

/// Returns all rows.
pub(crate) fn all() -> Vec<Row> {
    use LimitHint::{
        Headers, HeadersAndWait, HeadersAndWaitRoundedDown, HeadersRoundedDown, None, RetryAfter,
    };
    let mut rows = Vec::new();
    // Every limit, hint, size and number of workers.
    let mut add = |group, limits: &[&str], hints: &[LimitHint]| {
        for hint in hints {
            for requests in SIZES {
                for workers in WORKERS {
                    rows.push(Row::new(group, limits, *hint, requests, workers));
                }
            }
        }
    };
    for limit in ANNOUNCEABLE {
        add(Group::Announced, &[limit], &[Headers, HeadersRoundedDown]);
        add(Group::Nothing, &[limit], &[None]);
        add(Group::RetryAfter, &[limit], &[RetryAfter]);
    }
    add(
        Group::HiddenSecond,
        &HIDDEN_SECOND,
        &[Headers, HeadersRoundedDown],
    );
    add(Group::Nothing, &HIDDEN_SECOND, &[None]);
    add(Group::RetryAfter, &HIDDEN_SECOND, &[RetryAfter]);
    add(Group::Concurrency, &[CONCURRENCY], &[None, RetryAfter]);

    // Vendors.
    for (name, limits, hint) in PRESETS {
        let config = api_ratelimiter::API_RATE_CONFIGS
            .get(name)
            .expect("a preset");
        for requests in SIZES {
            for workers in [4, 16] {
                let mut row = Row::new(Group::Presets, limits, hint, requests, workers);
                row.name = name.to_owned();
                row.config = ApiRateConfig::clone(&config);
                rows.push(row);
            }
        }
    }

    // Another user of the token takes a twentieth, a fifth or half of the limit all the time.
    for limit in [
        "fixed-window:5000/1h",
        "fixed-window:1000/60s",
        "fixed-window:200/10s",
        "sliding-window:600/60s",
        "token-bucket:10/s,burst=20",
    ] {
        for share in [0.05, 0.2, 0.5] {
            for requests in [1_000, 4_000] {
                let mut row = Row::new(Group::Neighbour, &[limit], Headers, requests, 16);
                let rate = row.scenario.limits[0].per_second().expect("a rate");
                row.name += &format!(", neighbour takes {share}");
                row.scenario.neighbour = Some(Neighbour {
                    per_second: share * rate,
                    from: Duration::ZERO,
                    until: LONGEST,
                });
                rows.push(row);
            }
        }
    }

    // Clients of one token without a fleet; each starts 10 s after the one before.
    for limit in [
        "fixed-window:1000/60s",
        "fixed-window:200/10s",
        "sliding-window:600/60s",
        "token-bucket:10/s,burst=20",
    ] {
        for clients in [2, 4] {
            for requests in [150, 1_000] {
                let mut row = Row::new(Group::Clients, &[limit], Headers, requests, 16);
                row.name += &format!(", {clients} clients");
                row.clients = clients;
                rows.push(row);
            }
        }
    }

    // Beyond the 838: jobs that just fit into an hour's window, windows as most servers count them, GCRA, long windows.
    for hint in [Headers, HeadersRoundedDown] {
        for requests in [30, 150, 1_000, 4_500] {
            rows.push(Row::new(
                Group::Hourly,
                &["fixed-window:5000/1h"],
                hint,
                requests,
                16,
            ));
        }
    }
    for limit in [
        "fixed-window:100/60s,from=first",
        "fixed-window:200/10s,from=first",
        "fixed-window:5000/1h,from=first",
    ] {
        for hint in [None, RetryAfter, Headers, HeadersRoundedDown] {
            for requests in SIZES {
                rows.push(Row::new(Group::FromFirst, &[limit], hint, requests, 16));
            }
        }
    }
    for limit in [
        "token-bucket:10/s,burst=20",
        "token-bucket:1.39/s,burst=5000",
        "token-bucket:1/s,burst=60",
    ] {
        for hint in [HeadersAndWait, HeadersAndWaitRoundedDown] {
            for requests in SIZES {
                rows.push(Row::new(Group::Waits, &[limit], hint, requests, 16));
            }
        }
    }
    for limit in [
        "fixed-window:2000/1d",
        "sliding-window:2000/1d",
        "fixed-window:10000/30d,from=first",
    ] {
        for hint in [Headers, HeadersRoundedDown] {
            for requests in SIZES {
                rows.push(Row::new(Group::Long, &[limit], hint, requests, 16));
            }
        }
    }
    let second = Duration::from_secs(1);
    for limit in ["concurrency:5", CONCURRENCY] {
        for hint in [None, RetryAfter] {
            for requests in [150, 1_000, 5_000] {
                let mut row = Row::new(Group::SlowAtOnce, &[limit], hint, requests, 32);
                (row.scenario.trip.service, row.scenario.trip.service_jitter) =
                    (second, 5 * second);
                row.name += ", slow";
                rows.push(row);
            }
        }
    }
    for (limit, error) in [
        ("sliding-window:200/10s", ResetError::OwnTimer),
        ("sliding-window:600/60s", ResetError::OwnTimer),
        ("fixed-window:200/60s", ResetError::Late(second)),
        ("fixed-window:200/60s", ResetError::Early(second)),
        ("fixed-window:200/60s", ResetError::Late(10 * second)),
        ("fixed-window:200/60s", ResetError::Early(10 * second)),
    ] {
        for hint in [Headers, HeadersAndWait] {
            for requests in SIZES {
                let mut row = Row::new(Group::Misleading, &[limit], hint, requests, 16);
                row.name += &format!(", {error:?}");
                row.scenario.reset_error = error;
                rows.push(row);
            }
        }
    }
    // The second run of a job, beside its first.
    for (limit, hint) in [
        ("fixed-window:100/60s", None),
        ("fixed-window:100/60s", RetryAfter),
        ("fixed-window:200/10s,from=first", None),
        ("sliding-window:600/60s", RetryAfter),
        ("token-bucket:10/s,burst=20", None),
        ("fixed-window:1000/60s", Headers),
        ("fixed-window:5000/1h", HeadersRoundedDown),
    ] {
        for requests in SIZES {
            rows.push(Row::new(Group::Restart, &[limit], hint, requests, 16));
        }
    }
    rows
}
