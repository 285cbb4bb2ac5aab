//! Benchmark of fleets: many workers on one hidden limit, compared with a single client, independent
//! learners and fixed shares.
//!
//! ```text
//! cargo bench --bench fleet                          in virtual time
//! cargo bench --bench fleet -- --only 64             only the rows of 64 workers
//! cargo bench --bench fleet -- --jobs                 one job, split among the workers; also with --only 8
//! cargo bench --bench fleet -- --faults               cost of faults, in virtual time
//! cargo bench --features redis --bench fleet -- --real                processes, a Redis server: a minute per row
//! cargo bench --features redis --bench fleet -- --real --seconds 20   as above, 20 s per row
//! ```

mod faults;
mod jobs;
#[cfg(feature = "redis")]
mod real;
mod simulated;

/// Without the feature `redis` there is no store that processes could share.
#[cfg(not(feature = "redis"))]
mod real {
    use std::time::Duration;

    pub(crate) fn worker(_: &[String]) {
        table(Duration::ZERO);
    }

    pub(crate) fn table(_: Duration) {
        eprintln!("--real needs `--features redis`");
        std::process::exit(2);
    }
}

use std::time::Duration;

/// Measured time of each row of the table with real processes.
const JUDGED: Duration = Duration::from_secs(60);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let place = |flag: &str| args.iter().position(|arg| arg == flag);
    let number = |flag| {
        let text = args.get(place(flag)? + 1)?;
        Some(text.parse::<usize>().expect("a number"))
    };
    if let Some(place) = place("--worker") {
        real::worker(&args[place + 1..]);
    } else if place("--real").is_some() {
        let judged = number("--seconds").map(|seconds| Duration::from_secs(seconds as u64));
        real::table(judged.unwrap_or(JUDGED));
    } else if place("--faults").is_some() {
        faults::table();
    } else if place("--jobs").is_some() {
        jobs::table(number("--only"));
    } else {
        simulated::table(number("--only"));
    }
}
