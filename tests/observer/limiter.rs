//! The limiter's own events, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter, Event, Learning, ManualClock};

use super::{json, quick, recorder};

const SECOND: Duration = Duration::from_secs(1);

fn limiter(config: &ApiRateConfig) -> (ManualClock, DynamicRateLimiter) {
    let clock = ManualClock::new();
    let limiter = DynamicRateLimiter::with_clock(config, Arc::new(clock.clone())).expect("valid");
    (clock, limiter)
}

#[test]
fn a_refusal_is_a_cut_and_a_cooldown_that_ends_with_the_next_permit() {
    let (clock, limiter) = limiter(&quick("mine", ""));
    let heard = recorder();
    limiter.add_observer(heard.clone());
    let permit = limiter.acquire().expect("free");
    permit.backoff(Some(10 * SECOND));
    assert_eq!(heard.kinds(), ["cut", "cooldown_began"]);
    clock.advance(12 * SECOND);
    assert_eq!(
        heard.kinds().len(),
        2,
        "the end of the pause is not noticed yet"
    );
    limiter.acquire().expect("the pause is over").success();
    assert_eq!(heard.kinds()[2], "cooldown_ended");

    let events = heard.events();
    let cut = json(&events[0]);
    assert_eq!(
        (&cut["old_rate"], &cut["new_rate"]),
        (&100.0.into(), &50.0.into())
    );
    assert_eq!(cut["state"], "cooling down after a refusal");
    let began = json(&events[1]);
    assert_eq!(
        (&began["by_cut"], &began["prolonged"]),
        (&true.into(), &false.into())
    );
    let pause = began["cooldown_seconds"].as_f64().expect("a number");
    assert!((10.0..=11.0).contains(&pause), "{began}");
    assert_eq!(json(&events[2])["lasted_seconds"], 12.0);
}

#[test]
fn a_refusal_of_the_same_burst_only_prolongs_the_cooldown() {
    let mut config = quick("mine", "");
    config.bucket = api_ratelimiter::BucketConfig::of(2.0, 2.0);
    let (_, limiter) = limiter(&config);
    let heard = recorder();
    limiter.add_observer(heard.clone());
    let (first, second) = (
        limiter.acquire().expect("free"),
        limiter.acquire().expect("free"),
    );
    first.backoff(Some(10 * SECOND));
    second.backoff(Some(100 * SECOND));
    assert_eq!(heard.kinds(), ["cut", "cooldown_began", "cooldown_began"]);
    let last = json(&heard.events()[2]);
    assert_eq!(
        (&last["by_cut"], &last["prolonged"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn learning_emits_ceilings_probes_and_blocks() {
    let config = ApiRateConfig {
        name: "learns".into(),
        initial_rate: 4.0,
        learning: Learning::On,
        probe_interval: 5 * SECOND,
        ..Default::default()
    };
    let clock = ManualClock::auto();
    let limiter = DynamicRateLimiter::with_clock(&config, Arc::new(clock.clone())).expect("valid");
    let _joined = clock.join();
    let heard = recorder();
    limiter.add_observer(heard.clone());
    // A limit of four per second: the fifth request within a second is refused.
    let mut sent: Vec<f64> = Vec::new();
    for _ in 0..400 {
        let permit = limiter.acquire().expect("a permit");
        let now = api_ratelimiter::Clock::now(&clock).as_nanos() as f64 / 1e9;
        sent.retain(|at| now - at < 1.0);
        if sent.len() < 4 {
            sent.push(now);
            permit.success();
        } else {
            permit.backoff(None);
        }
    }
    let kinds = heard.kinds();
    for kind in [
        "raised",
        "cut",
        "ceiling_learned",
        "probe",
        "cooldown_ended",
    ] {
        assert!(kinds.iter().any(|other| other == kind), "no {kind}");
    }
    let blocked = heard
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Blocked { .. }))
        .count();
    let cuts = heard
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Cut { .. }))
        .count();
    assert!(blocked <= cuts / 2, "{blocked} of {cuts}");
    let ended = kinds
        .iter()
        .filter(|kind| *kind == "cooldown_ended")
        .count();
    let fresh = heard
        .events()
        .iter()
        .filter(|event| {
            matches!(
                event,
                Event::CooldownBegan {
                    prolonged: false,
                    ..
                }
            )
        })
        .count();
    assert!(
        fresh == ended || fresh == ended + 1,
        "{fresh} pauses, {ended} ends"
    );
}

#[test]
fn events_have_rising_numbers_and_the_label() {
    let (_, limiter) = limiter(&quick("mine", ""));
    let limiter = limiter.with_label("tenant-7");
    let heard = recorder();
    limiter.add_observer(heard.clone());
    for _ in 0..20 {
        limiter.on_backoff(None);
        limiter.on_success();
    }
    let events = heard.events();
    assert!(events.len() > 40);
    assert!(
        events
            .iter()
            .all(|event| event.about().tenant.as_deref() == Some("tenant-7"))
    );
    let numbers: Vec<_> = events.iter().map(|event| event.about().sequence).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[0] < pair[1]),
        "{numbers:?}"
    );
}

#[test]
fn every_event_survives_json() {
    let (clock, limiter) = limiter(&quick("mine", ""));
    let heard = recorder();
    limiter.add_observer(heard.clone());
    clock.advance(Duration::new(3, 123_456_789));
    limiter.on_backoff(Some(Duration::from_nanos(1_234_567_891)));
    clock.advance(2 * SECOND);
    limiter.acquire().expect("the pause is over").success();
    limiter.on_success();
    assert_eq!(
        heard.kinds(),
        ["cut", "cooldown_began", "cooldown_ended", "raised"]
    );
    for event in heard.events() {
        let text = serde_json::to_string(&event).expect("plain data");
        assert_eq!(serde_json::from_str::<Event>(&text).expect(&text), event);
    }
}
