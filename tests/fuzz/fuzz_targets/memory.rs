//! Fuzz target: whatever the file of an earlier run holds, a limiter starts at a rate within its bounds.

#![no_main]

use std::time::Duration;

use api_ratelimiter_core::limiter::{Controller, Learned, Poll};
use api_ratelimiter_core::{ApiRateConfig, LimitConfig, Time};
use libfuzzer_sys::fuzz_target;

/// The wall clock of the run that reads the file.
const UNIX_NOW: Duration = Duration::from_secs(1_800_000_000);

fuzz_target!(|input: &[u8]| {
    let Ok(learned) = serde_json::from_slice::<Learned>(input) else {
        return;
    };
    let config = ApiRateConfig {
        initial_rate: 5.0,
        min_rate: 0.5,
        max_rate: 100.0,
        ..Default::default()
    };
    let settings = config.settings().expect("valid settings");
    let mut limiter = Controller::new(settings, Time::ZERO);
    let _ = limiter.restore(Time::ZERO, &learned, UNIX_NOW);
    let view = limiter.view(Time::ZERO);
    let rate = view.rate.as_per_second();
    assert!((0.5..=100.0).contains(&rate), "{rate}/s");
    assert!(view.tokens.is_finite() && view.cooldown_until.is_none());
    // A request may go at once, and what is learned can be stored again.
    assert!(matches!(limiter.poll(Time::ZERO, 1, false), Poll::Grant(_)));
    if let Some(learned) = limiter.learned(Time::ZERO, UNIX_NOW) {
        let text = serde_json::to_string(&learned).expect("plain numbers");
        let again: Learned = serde_json::from_str(&text).expect("what was written");
        assert_eq!(again, learned);
    }
    // Whatever was used of a known limit, a request waits for its window at most.
    let known = ApiRateConfig {
        limits: vec![LimitConfig::per_minute(5.0)],
        ..Default::default()
    };
    let mut limiter = Controller::new(known.settings().expect("valid settings"), Time::ZERO);
    let _ = limiter.restore(Time::ZERO, &learned, UNIX_NOW);
    if let Poll::At(time) = limiter.poll(Time::ZERO, 1, false) {
        assert!(time <= Time::ZERO + Duration::from_secs(61), "{time:?}");
    }
});
