//! Properties of spending the windows of a hidden limit that hold for every sequence of events.

use std::time::Duration;

use proptest::prelude::*;

use super::announced::Announced;
use super::controller::Controller;
use super::grant::Grant;
use super::learned::Learned;
use super::outcome::Outcome;
use super::phase::Phase;
use super::poll::Poll;
use crate::config::ApiRateConfig;
use crate::time::Time;

/// What the wall clock shows at the start.
const UNIX: u64 = 1_700_000_000;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happens {
    Wait { millis: u64 },
    Ask { waited: bool },
    Accepted { nth: usize },
    Refused { nth: usize, hint_millis: u64 },
    Neutral { nth: usize },
    Unused { nth: usize },
    Announced { nth: usize, remaining: u64 },
}

fn happens() -> impl Strategy<Value = Happens> {
    let nth = any::<usize>;
    prop_oneof![
        60 => (0u64..3_000).prop_map(|millis| Happens::Wait { millis }),
        160 => any::<bool>().prop_map(|waited| Happens::Ask { waited }),
        120 => nth().prop_map(|nth| Happens::Accepted { nth }),
        20 => (nth(), prop_oneof![Just(0), 1u64..90_000])
            .prop_map(|(nth, hint_millis)| Happens::Refused { nth, hint_millis }),
        10 => nth().prop_map(|nth| Happens::Neutral { nth }),
        10 => nth().prop_map(|nth| Happens::Unused { nth }),
        1 => (nth(), 0u64..20).prop_map(|(nth, remaining)| Happens::Announced { nth, remaining }),
    ]
}

/// Generates a law of an earlier run.
fn remembered() -> impl Strategy<Value = Learned> {
    let kind = prop_oneof![
        Just("fixed_window"),
        Just("window_from_first"),
        Just("sliding_window")
    ];
    let ends = UNIX - 100..UNIX + 100;
    let used = UNIX - 200..UNIX;
    let length = prop_oneof![4 => 4u64..70, 1 => 70u64..4_000];
    (kind, 3u64..40, length, ends, used).prop_map(|(kind, count, length, ends, used)| {
        let stored = format!(
            r#"{{"law_version": 1, "ceiling_per_second": 4.0, "rate_per_second": 4.0,
            "last_pause_seconds": 1.0, "learned_at_unix_seconds": {UNIX},
            "hidden_window": {{"kind": "{kind}", "count": {count}, "length_seconds": {length},
            "ends_from_unix_seconds": {ends}.5, "ends_until_unix_seconds": {ends}.75,
            "last_used_unix_seconds": {used}}}}}"#
        );
        serde_json::from_str(&stored).expect("as it is stored")
    })
}

/// A limiter, and the waits that the server asked for.
struct Onlooker {
    limiter: Controller,
    now: Time,
    open: Vec<Grant>,
    asked_until: Time,
}

impl Onlooker {
    fn new(learned: &Learned) -> Self {
        let settings = ApiRateConfig::default().settings().expect("valid");
        let mut limiter = Controller::new(settings, Time::ZERO);
        let _ = limiter.restore(Time::ZERO, learned, Duration::from_secs(UNIX));
        Self {
            limiter,
            now: Time::ZERO,
            open: Vec::new(),
            asked_until: Time::ZERO,
        }
    }

    fn take(&mut self, nth: usize) -> Option<Grant> {
        (!self.open.is_empty()).then(|| self.open.swap_remove(nth % self.open.len()))
    }

    fn report(&mut self, nth: usize, outcome: Outcome) {
        if let Some(grant) = self.take(nth) {
            let _ = self.limiter.report(self.now, &grant, outcome);
        }
    }

    fn pause_ends(&self) -> Option<Time> {
        self.limiter.view(self.now).cooldown_until
    }

    fn sees(&mut self, happens: Happens) {
        let pause = self.pause_ends();
        match happens {
            Happens::Wait { millis } => self.now = self.now + Duration::from_millis(millis),
            Happens::Ask { waited } => match self.limiter.poll(self.now, 1, waited) {
                Poll::Grant(grant) => {
                    assert!(self.now >= self.asked_until, "within a `Retry-After`");
                    assert_eq!(pause, None, "within a pause");
                    self.open.push(grant);
                }
                Poll::At(later) | Poll::AfterFeedback(later) => {
                    assert!(later > self.now, "a wait of zero");
                    assert!(later >= self.asked_until, "told to come too early");
                    let longest = ApiRateConfig::default().max_cooldown;
                    assert!(
                        later <= self.now.max(self.asked_until) + longest,
                        "{later:?}"
                    );
                }
                Poll::Denied(denial) => panic!("no pause is that long: {denial:?}"),
            },
            Happens::Accepted { nth } => self.report(nth, Outcome::success()),
            Happens::Refused { nth, hint_millis } => {
                let hint = Duration::from_millis(hint_millis);
                if !self.open.is_empty() {
                    self.asked_until = self.asked_until.max(self.now + hint);
                }
                self.report(nth, Outcome::refused(Some(hint), 0.5));
            }
            Happens::Neutral { nth } => self.report(nth, Outcome::Neutral),
            Happens::Unused { nth } => self.report(nth, Outcome::Unused),
            Happens::Announced { nth, remaining } => {
                let told = Announced {
                    name: None,
                    limit: None,
                    window: None,
                    remaining,
                    reset_after: Duration::from_secs(20),
                };
                let outcome = Outcome::Success {
                    announced: [told].into_iter().collect(),
                    exhausted: None,
                    chance: 0.5,
                };
                self.report(nth, outcome);
            }
        }
        if let Some(pause) = pause.filter(|until| *until > self.now) {
            assert!(self.pause_ends() >= Some(pause), "a pause was shortened");
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_spending_waits_as_long_as_the_server_asked(
        learned in remembered(),
        events in proptest::collection::vec(happens(), 1..400),
    ) {
        let mut onlooker = Onlooker::new(&learned);
        for event in events {
            onlooker.sees(event);
        }
    }

    #[test]
    fn no_more_than_the_number_goes_before_the_first_answer(learned in remembered()) {
        let mut onlooker = Onlooker::new(&learned);
        let spends = |it: &Onlooker| {
            let learning = it.limiter.view(it.now).learning;
            learning.is_some_and(|(phase, _)| phase == Phase::Spending)
        };
        if !spends(&onlooker) {
            return Ok(());
        }
        let number = onlooker.limiter.learned(Time::ZERO, Duration::from_secs(UNIX));
        let number = number.and_then(|it| Some(it.hidden_window(Duration::from_secs(UNIX))?.count));
        // Within the shortest window.
        for _ in 0..350 {
            onlooker.sees(Happens::Ask { waited: true });
            onlooker.sees(Happens::Wait { millis: 10 });
        }
        // One of a window that ends, and one of the next.
        let most = 2 * number.expect("a law is spent") as usize;
        prop_assert!(onlooker.open.len() <= most, "{} of {most}", onlooker.open.len());
    }
}
