//! Any content of the store: a worker neither panics nor spins, and its rate stays within the configured bounds.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::ApiRateConfig;
use crate::limiter::outcome::Outcome;
use crate::limiter::poll::Poll;
use crate::limiter::settings::Settings;
use crate::time::Time;

/// Number of contents that are tried.
const RUNS: usize = 500;

/// The store's time when a worker starts.
const START: Duration = Duration::from_secs(1_700_000_000);

/// Number of visits and grants that a worker has at one instant, at most.
const MOST_AT_ONCE: usize = 100;

fn settings() -> Settings {
    let config = ApiRateConfig {
        name: "test".into(),
        initial_rate: 20.0,
        min_rate: 0.5,
        max_rate: 100.0,
        ..Default::default()
    };
    config.settings().expect("valid settings")
}

/// A worker, and the store with this text.
struct Life {
    member: Member,
    text: String,
    now: Time,
    random: fastrand::Rng,
}

impl Life {
    fn new(text: String, random: fastrand::Rng) -> Self {
        let policy = OutagePolicy {
            workers: 16,
            stops: false,
        };
        Self {
            member: Member::new(settings(), policy, Time::ZERO),
            text,
            now: Time::ZERO,
            random,
        }
    }

    fn store_now(&self) -> Time {
        Time::ZERO + START + self.now.saturating_since(Time::ZERO)
    }

    /// Visits the store and sends requests for a while.
    fn live(&mut self, steps: usize) {
        for _ in 0..steps {
            let rest = self.visit_while_due();
            self.send_while_allowed();
            let view = self.member.view(self.now);
            let rate = view.rate.as_per_second();
            assert!((0.5..=100.0).contains(&rate), "{rate}/s");
            assert!(view.tokens.is_finite(), "{} tokens", view.tokens);
            let step = rest.saturating_since(self.now);
            self.now = self.now + step.clamp(Duration::from_millis(1), Duration::from_secs(5));
        }
    }

    fn visit_while_due(&mut self) -> Time {
        for _ in 0..MOST_AT_ONCE {
            let seed = self.random.u64(..);
            match self.member.next_action(self.now, &[1, 1], seed) {
                Action::Rest(until) => return until,
                Action::Visit(request) => self.visit(*request),
            }
        }
        panic!("the worker visits the store again and again");
    }

    fn visit(&mut self, request: SyncRequest) {
        let (now, store_now) = (self.now, self.store_now());
        let found = Record::read(&self.text, store_now);
        if let Some(record) = &found {
            let summary = record.summary(store_now);
            assert!(summary.rate.as_per_second().is_finite());
        }
        let fingerprint = self.member.fingerprint();
        let settled = settle(
            found,
            store_now,
            &request,
            self.member.settings(),
            fingerprint,
        );
        match settled {
            Settled::Write(record, reply) => {
                self.text = record.to_text();
                let _ = self.member.synced(now, now, now, reply);
            }
            Settled::Keep(reply) => {
                let _ = self.member.synced(now, now, now, reply);
            }
            Settled::OtherSettings => {
                self.member.met_other_settings(now, request);
            }
        }
    }

    fn send_while_allowed(&mut self) {
        for _ in 0..MOST_AT_ONCE {
            match self.member.poll(self.now, 1, true) {
                Poll::Grant(grant) => {
                    let outcome = match self.random.u8(..8) {
                        0 => Outcome::refused(None, 0.5),
                        _ => Outcome::success(),
                    };
                    let _ = self.member.report(self.now, &grant, outcome);
                }
                Poll::At(time) | Poll::AfterFeedback(time) => {
                    assert!(time > self.now, "a caller would spin");
                    return;
                }
                Poll::Denied(_) => return,
            }
        }
        panic!("a burst of {MOST_AT_ONCE} requests");
    }
}

/// Returns a value that stands for another one: mostly one of the same kind, so that the record can be read.
fn strange(old: &Value, random: &mut fastrand::Rng) -> Value {
    let near_start = 1_700_000_000_000_000_000;
    match (old, random.u8(..10)) {
        (Value::Null, 0..8) => Value::Null,
        (_, 0) => json!([Value::Null, json!(-1), json!([]), json!("text")][random.usize(..4)]),
        (Value::Bool(old), _) => json!(!old),
        (Value::Number(old), _) if old.is_f64() => {
            let floats = [0.0, -1.0, 1e300, -1e300, 1e-300, 0.6, 50.0, f64::MAX];
            json!(floats[random.usize(..floats.len())])
        }
        (_, 1..4) => json!(near_start + random.u64(..4_000_000_000)),
        (_, 4..6) => json!(random.u64(..1_000)),
        (_, 6) => json!(0),
        (_, 7) => json!(u64::MAX),
        (_, 8) => json!(u32::MAX),
        (_, _) => json!(random.u64(..)),
    }
}

/// Changes one value somewhere below.
fn change(value: &mut Value, random: &mut fastrand::Rng) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = random.usize(..fields.len());
            if let Some(field) = fields.values_mut().nth(at) {
                change(field, random);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = random.usize(..items.len());
            change(&mut items[at], random);
        }
        other => *other = strange(other, random),
    }
}

/// Returns a text of another worker after some time.
fn written(random: &mut fastrand::Rng) -> String {
    let mut life = Life::new(String::new(), random.fork());
    life.live(random.usize(1..60));
    life.text
}

#[test]
fn a_worker_lives_with_any_content_of_the_store() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut read = 0;
    for _ in 0..RUNS / 10 {
        let text = written(&mut random);
        let good: Value = serde_json::from_str(&text).expect("JSON");
        for _ in 0..10 {
            let text = if random.u8(..4) == 0 {
                let mut bytes = text.clone().into_bytes();
                for _ in 0..random.usize(1..5) {
                    let at = random.usize(..bytes.len());
                    bytes[at] = random.u8(..);
                }
                String::from_utf8_lossy(&bytes).into_owned()
            } else {
                let mut changed = good.clone();
                for _ in 0..random.usize(1..3) {
                    if let Some(part) = ["state", "turns"].get(random.usize(..2)) {
                        change(&mut changed[part], &mut random);
                    }
                }
                changed.to_string()
            };
            let mut life = Life::new(text.clone(), random.fork());
            read += usize::from(Record::read(&text, life.store_now()).is_some());
            let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| life.live(20)));
            assert!(lived.is_ok(), "seed {seed}: {text}");
        }
    }
    println!("{read} of {RUNS} contents could be read");
    assert!(read > RUNS / 10, "{read}");
}
