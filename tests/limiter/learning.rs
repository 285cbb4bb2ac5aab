//! Learning from a caller's view: the canary, the state in words, the stored limit.

use api_ratelimiter::{ApiRateConfig, Learned, Learning, LearningReason, Phase, Rate};

use crate::world::{SECOND, World};

fn config() -> ApiRateConfig {
    ApiRateConfig {
        initial_rate: 10.0,
        max_rate: 100.0,
        ..Default::default()
    }
}

#[test]
fn after_a_refusal_the_canary_goes_alone_and_the_others_wait_for_its_response() {
    let mut world = World::new(&config());
    world.limiter.acquire().expect("free").backoff(Some(SECOND));
    let canary = world.limiter.acquire().expect("after the pause");
    let waiting = world.spawn(|limiter| limiter.acquire().map(drop));
    world.until_queued(1);
    let before = world.now();
    let clock = world.clock.clone();
    let answered = world.spawn(move |_| {
        std::thread::yield_now();
        canary.success();
        api_ratelimiter::Clock::now(&clock)
    });
    world.run(vec![answered]);
    world.run(vec![waiting]).remove(0).expect("a permit");
    assert!(
        world.now() < before + 1.0,
        "not at the deadline of a lost canary"
    );
}

#[test]
fn a_dropped_canary_delays_no_caller() {
    let mut world = World::new(&config());
    world.limiter.acquire().expect("free").backoff(Some(SECOND));
    let canary = world.limiter.acquire().expect("after the pause");
    let waiting = world.spawn(|limiter| limiter.acquire().map(drop));
    world.until_queued(1);
    let before = world.now();
    drop(canary);
    world.run(vec![waiting]).remove(0).expect("a permit");
    assert!(world.now() < before + 1.0, "{} {before}", world.now());
}

#[test]
fn a_canary_without_an_outcome_is_replaced() {
    let mut world = World::new(&config());
    world.limiter.acquire().expect("free").backoff(Some(SECOND));
    let canary = world.limiter.acquire().expect("after the pause");
    let waiting: Vec<_> = (0..3)
        .map(|_| world.spawn(|limiter| limiter.acquire().map(|permit| permit.success())))
        .collect();
    world.until_queued(3);
    world
        .run(waiting)
        .into_iter()
        .for_each(|outcome| outcome.expect("a permit"));
    assert!(
        (10.0..13.0).contains(&world.now()),
        "after its deadline: {}",
        world.now()
    );
    drop(canary);
}

#[test]
fn a_caller_waits_for_the_canary_until_its_deadline() {
    let mut world = World::new(&config());
    world.limiter.acquire().expect("free").backoff(Some(SECOND));
    let canary = world.limiter.acquire().expect("after the pause");
    let hurried = world.spawn(|limiter| limiter.acquire_within(3 * SECOND).map(drop));
    world.until_queued(1);
    canary.success();
    world
        .run(vec![hurried])
        .remove(0)
        .expect("the response arrived in time");
    assert!(world.now() < 3.0, "{}", world.now());
}

#[test]
fn a_snapshot_explains_the_state_of_the_limiter() {
    let world = World::new(&config());
    let snapshot = world.limiter.snapshot();
    assert_eq!(
        (snapshot.phase, snapshot.reason),
        (Some(Phase::Searching), Some(LearningReason::Started))
    );
    assert_eq!(
        snapshot.to_string(),
        ": 10.000/s, searching for the limit; last lesson: none yet, nothing was refused; 0 waiting"
    );
    world.limiter.acquire().expect("free").backoff(Some(SECOND));
    assert_eq!(world.limiter.snapshot().phase, Some(Phase::Cooling));
    let json = serde_json::to_value(world.limiter.snapshot()).expect("plain data");
    assert_eq!(json["phase"], "cooling");
    assert!(json["learned_ceiling"].is_null());
}

#[test]
fn without_learning_there_is_no_ceiling_and_nothing_to_store() {
    let world = World::new(&ApiRateConfig {
        learning: Learning::Off,
        ..config()
    });
    for _ in 0..3 {
        world.limiter.acquire().expect("a permit").backoff(None);
    }
    let snapshot = world.limiter.snapshot();
    assert_eq!(
        (
            snapshot.learned_ceiling,
            snapshot.phase,
            snapshot.state.as_str()
        ),
        (None, None, "cooling down after a refusal")
    );
    assert!(world.limiter.learned().is_none());
}

#[test]
fn a_learned_limit_survives_json_and_is_the_start_of_the_next_run() {
    let world = World::new(&config());
    let stored = r#"{"law_version": 1, "ceiling_per_second": 40.0, "rate_per_second": 39.0,
                     "last_pause_seconds": 1.5, "learned_at_unix_seconds": 1767225000.0}"#;
    let learned: Learned = serde_json::from_str(stored).expect("valid");
    world.limiter.restore(&learned);
    let snapshot = world.limiter.snapshot();
    assert_eq!(snapshot.learned_ceiling, Some(40.0));
    assert!(
        (39.0..=40.0).contains(&snapshot.current_rate),
        "{}",
        snapshot.current_rate
    );
    let again = world.limiter.learned().expect("a ceiling");
    assert_eq!(again.ceiling().map(Rate::as_per_second), Some(40.0));
    let text = serde_json::to_string(&again).expect("plain data");
    assert_eq!(
        serde_json::from_str::<Learned>(&text).expect("the same"),
        again
    );
    for bad in [
        stored.replace("40.0", "-1"),
        stored.replace("1.5", "-1"),
        stored.replace("law", "lore"),
    ] {
        assert!(serde_json::from_str::<Learned>(&bad).is_err(), "{bad}");
    }
}
