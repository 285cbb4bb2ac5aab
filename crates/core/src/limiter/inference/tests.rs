use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::limiter::window_spending::WindowSpending;

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

fn grant(number: u64, sent: f64) -> Grant {
    Grant {
        lineage: 0,
        issued_at: at(sent),
        epoch: 0,
        waited: true,
        cost: 1,
        canary: false,
        turns: 0,
        trial: false,
        number,
        beside: 0,
    }
}

/// A caller that sends 3 to 20 requests per second, tries again 0.4 to 3.1 s after a refusal, and is answered in 80 ms.
struct Caller {
    inference: Inference,
    number: u64,
    now: f64,
}

impl Caller {
    fn new() -> Self {
        Self {
            inference: Inference::new(Time::ZERO),
            number: 0,
            now: 0.0,
        }
    }

    /// Sends requests until a time. `accepts` says whether a request that arrives then is accepted.
    fn calls(&mut self, until: f64, mut accepts: impl FnMut(f64) -> bool) {
        while self.now < until {
            self.number += 1;
            let grant = grant(self.number, self.now);
            self.inference.sent(&grant);
            let is_accepted = accepts(self.now + 0.04);
            let outcome = if is_accepted {
                Outcome::success()
            } else {
                Outcome::refused(None, 0.0)
            };
            self.inference
                .answered(at(self.now + 0.08), &grant, &outcome);
            let pace = [0.1, 0.3, 0.05, 0.2][(self.now / 37.0) as usize % 4];
            let pause = [0.4, 1.3, 0.7, 2.2, 3.1][self.number as usize % 5];
            self.now += if is_accepted { pace } else { pause };
        }
    }

    fn found(&self) -> Option<String> {
        let found = self.inference.found()?;
        Some(found.law().to_string())
    }
}

/// A count of requests in windows on a grid that begins at `phase`.
fn grid(most: u32, length: f64, phase: f64) -> impl FnMut(f64) -> bool {
    let (mut window, mut count) = (f64::NAN, 0);
    move |now| {
        let current = ((now - phase) / length).floor();
        if current != window {
            (window, count) = (current, 0);
        }
        count += 1;
        count <= most
    }
}

/// A count of requests in windows that begin with their first request.
fn from_first(most: u32, length: f64) -> impl FnMut(f64) -> bool {
    let (mut began, mut count) = (f64::NEG_INFINITY, 0);
    move |now| {
        if now >= began + length {
            (began, count) = (now, 0);
        }
        count += 1;
        count <= most
    }
}

/// A log of the accepted requests in the last `length` seconds.
fn sliding(most: usize, length: f64) -> impl FnMut(f64) -> bool {
    let mut log = VecDeque::new();
    move |now| {
        while log.front().is_some_and(|first| *first <= now - length) {
            log.pop_front();
        }
        let accepts = log.len() < most;
        if accepts {
            log.push_back(now);
        }
        accepts
    }
}

/// A bucket of tokens.
fn bucket(per_second: f64, burst: f64) -> impl FnMut(f64) -> bool {
    let (mut tokens, mut last) = (burst, 0.0);
    move |now| {
        tokens = (tokens + (now - last) * per_second).min(burst);
        last = now;
        let accepts = tokens >= 1.0;
        if accepts {
            tokens -= 1.0;
        }
        accepts
    }
}

#[test]
fn windows_on_a_grid_are_found_with_their_beginning() {
    let mut caller = Caller::new();
    caller.calls(300.0, grid(100, 60.0, 17.0));
    assert_eq!(caller.found().as_deref(), Some("100 requests per 60 s"));
    let found = caller.inference.found().expect("just now");
    let [from, to] = found.begins.expect("a fixed window has a beginning");
    // A request that is sent at 256.96 s arrives when a window begins.
    assert!(from <= at(256.96) && at(256.96) <= to, "{from:?} to {to:?}");
    assert!(to.saturating_since(from) <= Duration::from_secs(4));
    assert_eq!(found.certainty, MOST_CERTAIN);
}

#[test]
fn windows_that_begin_with_their_first_request_are_told_from_a_grid() {
    let mut caller = Caller::new();
    caller.calls(500.0, from_first(100, 60.0));
    assert_eq!(
        caller.found().as_deref(),
        Some("100 requests per 60 s, from the first request on")
    );
}

#[test]
fn a_window_from_the_first_request_begins_with_the_first_one_after_an_idle_time() {
    let mut caller = Caller::new();
    let mut server = from_first(50, 10.0);
    caller.calls(200.0, &mut server);
    caller.now += 33.3;
    let first = caller.now;
    caller.calls(first + 9.0, &mut server);
    let found = caller.inference.found().expect("known by now");
    assert_eq!(found.kind, LimitKind::WindowFromFirst);
    assert_eq!(found.begins, Some([at(first); 2]));
}

#[test]
fn sliding_windows_are_found() {
    let mut caller = Caller::new();
    caller.calls(400.0, sliding(100, 60.0));
    assert_eq!(caller.found().as_deref(), Some("100 requests in any 60 s"));
}

#[test]
fn nothing_is_said_about_buckets_and_short_windows() {
    let servers: [Box<dyn FnMut(f64) -> bool>; 4] = [
        Box::new(bucket(2.0, 20.0)),
        Box::new(bucket(5.0, 1.0)),
        Box::new(grid(5, 1.0, 0.3)),
        Box::new(from_first(12, 2.0)),
    ];
    for (index, server) in servers.into_iter().enumerate() {
        let mut caller = Caller::new();
        caller.calls(900.0, server);
        assert_eq!(caller.found(), None, "server {index}");
    }
}

#[test]
fn nothing_is_said_before_two_windows_were_used_up() {
    let mut caller = Caller::new();
    let mut server = grid(100, 60.0, 17.0);
    caller.calls(77.0, &mut server);
    assert_eq!(caller.found(), None);
}

#[test]
fn a_changed_limit_is_no_longer_told_and_then_found_anew() {
    let mut caller = Caller::new();
    let mut before = grid(50, 10.0, 3.0);
    caller.calls(120.0, &mut before);
    assert_eq!(caller.found().as_deref(), Some("50 requests per 10 s"));
    let mut after = grid(25, 10.0, 3.0);
    caller.calls(150.0, &mut after);
    assert_eq!(caller.found(), None);
    caller.calls(300.0, &mut after);
    assert_eq!(caller.found().as_deref(), Some("25 requests per 10 s"));
}

/// A step of a random caller and server.
#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(u64),
    Send {
        cost: u32,
    },
    Answer {
        index: usize,
        outcome: u8,
        hint: u64,
    },
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u64..20_000_000_000).prop_map(Step::Wait),
        (0_u64..1_000_000).prop_map(Step::Wait),
        any::<u64>().prop_map(Step::Wait),
        (0_u32..3).prop_map(|cost| Step::Send { cost }),
        any::<u32>().prop_map(|cost| Step::Send { cost }),
        (0_usize..200, any::<u8>(), any::<u64>()).prop_map(|(index, outcome, hint)| {
            Step::Answer {
                index,
                outcome,
                hint,
            }
        }),
    ];
    prop::collection::vec(step, 0..400)
}

#[test]
fn with_many_requests_in_flight_it_takes_less_than_eight_kibibytes() {
    let mut caller = Caller::new();
    caller.calls(600.0, grid(100, 60.0, 17.0));
    for number in 0..10_000 {
        caller
            .inference
            .sent(&grant(caller.number + number, caller.now));
    }
    let bytes = caller.inference.memory() + size_of::<WindowSpending>();
    assert!(bytes <= 8 * 1024, "{bytes} bytes");
}

#[test]
fn more_requests_than_can_be_counted_say_nothing() {
    let mut inference = Inference::new(Time::ZERO);
    // Of 70,000 requests in a minute, 65,535 can be counted.
    for number in 0..70_000_u32 {
        let sent = f64::from(number) * 60.0 / 70_000.0;
        let grant = grant(u64::from(number), sent);
        inference.sent(&grant);
        inference.answered(at(sent), &grant, &Outcome::success());
    }
    let counted = inference
        .evidence
        .iter()
        .filter(|it| !it.grid.has_too_many());
    let longest = counted.map(|it| it.grid.length).fold(0.0, f64::max);
    assert_eq!(longest, 30.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn no_course_of_requests_panics_or_is_said_to_allow_nothing(steps in steps()) {
        let mut inference = Inference::new(Time::ZERO);
        let mut now = Time::ZERO;
        let mut out: Vec<Grant> = Vec::new();
        let mut number = 0_u64;
        for step in steps {
            match step {
                Step::Wait(nanos) => now = now + Duration::from_nanos(nanos),
                Step::Send { cost } => {
                    number = number.saturating_add(u64::from(cost));
                    let grant = Grant { issued_at: now, cost, ..grant(number, 0.0) };
                    inference.sent(&grant);
                    out.push(grant);
                }
                Step::Answer { index, outcome, hint } if !out.is_empty() => {
                    let grant = out.swap_remove(index % out.len());
                    let hint = Some(Duration::from_nanos(hint));
                    let outcome = match outcome % 5 {
                        0 | 1 => Outcome::success(),
                        2 => Outcome::refused(None, 0.5),
                        3 => Outcome::refused(hint, 0.5),
                        _ => Outcome::Failed,
                    };
                    inference.answered(now, &grant, &outcome);
                }
                Step::Answer { .. } => {}
            }
            if let Some(found) = inference.found() {
                prop_assert!(found.count >= 1 && found.most >= found.count);
                prop_assert!((0.0..=MOST_CERTAIN).contains(&found.certainty));
            }
        }
    }
}
