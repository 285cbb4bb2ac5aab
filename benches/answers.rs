//! Processor time of one answer: granting a request and taking in its outcome, with and without learning.
//!
//! ```text
//! cargo bench --bench answers
//! ```
//!
//! The server is a count in virtual time, so that the limiter is all that costs time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use api_ratelimiter_core::Time;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::limiter::{Controller, Grant, Learning, Outcome, Poll};

/// Requests in flight at most, and the time until each is answered.
const WORKERS: usize = 16;
const ROUND_TRIP: Duration = Duration::from_millis(80);

/// Answers of one round. Rounds of all kinds alternate, so that a busy machine affects all equally.
const ANSWERS: u32 = 200_000;
const ROUNDS: usize = 11;

/// What the server allows.
#[derive(Debug, Clone, Copy)]
enum Allows {
    Everything,
    /// This number in each window of this many seconds.
    Window(u64, u64),
    /// Each request at least this many milliseconds after the one before.
    Pace(u64),
}

fn main() {
    let kinds = [
        (
            "everything, learning off",
            Learning::Off,
            Allows::Everything,
        ),
        ("everything", Learning::On, Allows::Everything),
        ("500 per 10 s", Learning::On, Allows::Window(500, 10)),
        ("one per 20 ms", Learning::On, Allows::Pace(20)),
    ];
    let mut nanos = vec![Vec::new(); kinds.len()];
    for _ in 0..ROUNDS {
        for (of, (_, learning, allows)) in nanos.iter_mut().zip(kinds) {
            of.push(nanos_per_answer(learning, allows));
        }
    }
    println!("| the server allows | ns per answer | beyond learning off |");
    println!("|---|---|---|");
    let medians: Vec<f64> = nanos.into_iter().map(median).collect();
    for ((name, ..), median) in kinds.iter().zip(&medians) {
        println!("| {name} | {median:.0} | {:.0} |", median - medians[0]);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Plays requests until there are enough answers.
fn nanos_per_answer(learning: Learning, allows: Allows) -> f64 {
    let config = ApiRateConfig {
        learning,
        initial_rate: 50.0,
        max_rate: 50.0,
        ..ApiRateConfig::default()
    };
    let mut limiter = Controller::new(config.settings().expect("valid"), Time::ZERO);
    let mut out: VecDeque<(Time, Grant, bool)> = VecDeque::new();
    let mut accepted_of_window = (0, 0);
    let mut last_accepted = Time::ZERO;
    let (mut now, mut answers) = (Time::ZERO, 0);
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    let began = Instant::now();
    while answers < ANSWERS {
        let mut until = Time::MAX;
        if out.len() < WORKERS {
            match limiter.poll(now, 1, true) {
                Poll::Grant(grant) => {
                    let is_accepted = match allows {
                        Allows::Everything => true,
                        Allows::Window(number, seconds) => {
                            let window = now.as_nanos() / (seconds * 1_000_000_000);
                            if accepted_of_window.0 != window {
                                accepted_of_window = (window, 0);
                            }
                            accepted_of_window.1 += 1;
                            accepted_of_window.1 <= number
                        }
                        Allows::Pace(millis) => {
                            let since = now.saturating_since(last_accepted);
                            since >= Duration::from_millis(millis)
                        }
                    };
                    if is_accepted {
                        last_accepted = now;
                    }
                    out.push_back((now + ROUND_TRIP, grant, is_accepted));
                    continue;
                }
                Poll::At(time) | Poll::AfterFeedback(time) => until = time,
                Poll::Denied(denial) => unreachable!("nothing denies: {denial:?}"),
            }
        }
        match out.front() {
            Some((answered, ..)) if *answered <= until => {
                let (answered, grant, is_accepted) = out.pop_front().expect("the first");
                now = answered;
                let outcome = if is_accepted {
                    Outcome::success()
                } else {
                    Outcome::refused(None, 0.0)
                };
                let _ = limiter.report(now, &grant, outcome);
                answers += 1;
            }
            _ => now = until,
        }
    }
    began.elapsed().as_nanos() as f64 / f64::from(answers)
}
