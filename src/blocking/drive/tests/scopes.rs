//! Scopes, the parts of an API with limits of their own: permits, refusals and waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use api_ratelimiter_core::config::{DialectConfig, LimitConfig, ScopeConfig};
use api_ratelimiter_core::outcome::{Concerns, Feedback, Wanted};
use api_ratelimiter_core::route::Route;

/// Returns a limiter of ten requests per second, of which one in ten seconds may go to `/a`.
fn scoped(name: &str, change: impl FnOnce(&mut ApiRateConfig)) -> World {
    world_with(
        name,
        |_| {},
        |config| {
            (config.initial_rate, config.max_rate, config.min_rate) = (10.0, 10.0, 10.0);
            config.scopes =
                vec![ScopeConfig::new("slow", "/a", LimitConfig::per_minute(6.0)).one_by_one()];
            change(config);
        },
    )
}

fn backed_off(world: &World) -> (u64, u64) {
    let snapshot = world.limiter.snapshot();
    (snapshot.backed_off, snapshot.scopes[0].backed_off)
}

fn wanted(clock: &ManualClock, scope: Option<&str>, within: Option<Duration>) -> Wanted {
    Wanted {
        cost: 1,
        deadline: within.map(|within| clock.now() + within),
        scope: scope.map(Into::into),
        route: Route::default(),
    }
}

#[test]
fn a_scope_paces_its_requests_and_a_success_counts_for_both_limits() {
    let world = scoped("mine", |_| {});
    for _ in 0..3 {
        world
            .call(world.parts(Method::GET), &[ok()])
            .expect("the call succeeds");
    }
    assert_eq!(world.times(), [0.0, 10.0, 20.0]);
    let snapshot = world.limiter.snapshot();
    assert_eq!((snapshot.granted, snapshot.succeeded), (3, 3));
    let slow = &snapshot.scopes[0];
    assert_eq!(
        (slow.name.as_str(), slow.granted, slow.succeeded),
        ("mine/slow", 3, 3)
    );
}

#[test]
fn a_refusal_counts_for_the_scope_unless_server_or_configuration_say_otherwise() {
    let refused = || Answers(429, &[("retry-after", "20")]);
    let world = scoped("", |_| {});
    world
        .call(world.parts(Method::GET), &[refused(), ok()])
        .expect("the call succeeds");
    assert_eq!(backed_off(&world), (0, 1));

    let pauses_all =
        |config: &mut ApiRateConfig| config.dialect = DialectConfig::default().pause_all();
    let world = scoped("", pauses_all);
    world
        .call(world.parts(Method::GET), &[refused(), ok()])
        .expect("the call succeeds");
    assert_eq!(backed_off(&world), (1, 0));

    let world = scoped("", |config| config.scopes[0].pause_all = true);
    world
        .call(world.parts(Method::GET), &[refused(), ok()])
        .expect("the call succeeds");
    assert_eq!(backed_off(&world), (1, 0));
}

#[test]
fn the_scope_that_the_server_names_overrides_the_configuration() {
    let everything = || {
        Answers(
            429,
            &[("retry-after", "20"), ("x-ratelimit-scope", "global")],
        )
    };
    let endpoint = || Answers(429, &[("retry-after", "20"), ("x-ratelimit-scope", "user")]);
    let world = scoped("discord", |_| {});
    world
        .call(world.parts(Method::GET), &[everything(), ok()])
        .expect("the call succeeds");
    assert_eq!(backed_off(&world), (1, 0));
    let world = scoped("discord", |config| {
        config.dialect = DialectConfig::default().pause_all()
    });
    world
        .call(world.parts(Method::GET), &[endpoint(), ok()])
        .expect("the call succeeds");
    assert_eq!(backed_off(&world), (0, 1));
}

#[test]
fn an_exhausted_limit_pauses_only_the_scope() {
    let world = scoped("", |_| {});
    let exhausted = Answers(
        200,
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "50")],
    );
    world
        .call(world.parts(Method::GET), &[exhausted])
        .expect("the call succeeds");
    let snapshot = world.limiter.snapshot();
    assert!(snapshot.cooldown_until.is_none());
    assert!(snapshot.scopes[0].cooldown_until.is_some());
}

#[test]
fn a_slow_scope_does_not_block_the_common_queue() {
    let World {
        clock,
        limiter,
        _joined: mine,
        ..
    } = scoped("", |_| {});
    let permits = limiter
        .acquire_for(&wanted(&clock, Some("slow"), None))
        .expect("the first");
    permits.give(Feedback::Failed);
    let done = AtomicUsize::new(0);
    thread::scope(|threads| {
        for _ in 0..3 {
            let joined = clock.join();
            let limiter = &limiter;
            let wanted = wanted(&clock, Some("slow"), None);
            let done = &done;
            threads.spawn(move || {
                let _joined = joined;
                limiter
                    .acquire_for(&wanted)
                    .expect("in time")
                    .give(Feedback::Failed);
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        for _ in 0..40 {
            let permits = limiter
                .acquire_for(&wanted(&clock, None, None))
                .expect("in time");
            permits.give(Feedback::Failed);
        }
        assert!(clock.now() < api_ratelimiter_core::Time::ZERO + 5 * SECOND);
        assert_eq!(
            done.load(Ordering::SeqCst),
            0,
            "the slow ones still wait in their own queue"
        );
        // From here on this thread only waits for the other threads.
        drop(mine);
    });
    assert_eq!(done.load(Ordering::SeqCst), 3);
}

#[test]
fn a_pause_of_the_scope_during_the_wait_returns_both_permits() {
    let world = scoped("", |_| {});
    let slow = world.limiter.scope("slow").expect("configured").clone();
    // The common queue waits for a second. The scope is refused while the request waits in this queue.
    world.limiter.on_backoff(Some(SECOND));
    let (joined, clock) = (world.clock.join(), world.clock.clone());
    let limiter = world.limiter.clone();
    let waiter = thread::spawn(move || {
        let _joined = joined;
        let wanted = Wanted {
            cost: 1,
            deadline: None,
            scope: Some("slow".into()),
            route: Route::default(),
        };
        limiter
            .acquire_for(&wanted)
            .expect("in time")
            .give(Feedback::Failed);
        clock.now()
    });
    while world.limiter.snapshot().waiting == 0 {
        thread::yield_now();
    }
    assert_eq!(slow.snapshot().granted, 1, "it holds the scope's permit");
    slow.on_backoff(Some(30 * SECOND));
    let World {
        limiter,
        _joined: mine,
        ..
    } = world;
    drop(mine);
    let at = waiter.join().expect("no panic");
    assert!(
        at >= api_ratelimiter_core::Time::ZERO + 30 * SECOND,
        "{at:?}"
    );
    assert_eq!(slow.snapshot().granted, 2);
    assert_eq!(limiter.snapshot().granted, 2, "one of them was returned");
}

#[test]
fn a_call_that_leaves_the_common_queue_returns_the_scopes_token() {
    let world = scoped("", |_| {});
    world.limiter.on_backoff(Some(60 * SECOND));
    let before = world.limiter.snapshot().scopes[0].tokens;
    let outcome = world
        .limiter
        .acquire_for(&wanted(&world.clock, Some("slow"), Some(5 * SECOND)));
    assert!(matches!(outcome, Err(Error::DeadlineTooShort { .. })));
    assert_eq!(world.limiter.snapshot().scopes[0].tokens, before);
}

#[test]
fn deadline_and_longest_pause_apply_to_the_scope() {
    let world = scoped("", |_| {});
    let slow = world.limiter.scope("slow").expect("configured");
    slow.acquire().expect("the first").neutral();
    let outcome = world
        .limiter
        .acquire_for(&wanted(&world.clock, Some("slow"), Some(5 * SECOND)));
    assert!(matches!(outcome, Err(Error::DeadlineTooShort { .. })));
    slow.on_backoff(Some(3600 * SECOND));
    let outcome = world
        .limiter
        .acquire_for(&wanted(&world.clock, Some("slow"), None));
    assert!(matches!(outcome, Err(Error::CooldownTooLong { .. })));
    let other = world.limiter.acquire_for(&wanted(&world.clock, None, None));
    other
        .expect("the rest of the API is not affected")
        .give(Feedback::Failed);
}

#[test]
fn an_unused_canary_lets_other_callers_go() {
    let world = scoped("", |_| {});
    let slow = world.limiter.scope("slow").expect("configured").clone();
    slow.acquire().expect("the first").backoff(Some(SECOND));
    world.limiter.on_backoff(Some(200 * SECOND));
    // The scope's canary is granted, waits for the common queue, and misses its deadline.
    let outcome = world
        .limiter
        .acquire_for(&wanted(&world.clock, Some("slow"), Some(30 * SECOND)));
    assert!(matches!(outcome, Err(Error::DeadlineTooShort { .. })));
    let before = world.clock.now();
    slow.acquire_within(30 * SECOND)
        .expect("the next caller may ask")
        .success();
    assert!(world.clock.now().saturating_since(before) < 30 * SECOND);
}

#[test]
fn sixteen_threads_with_refusals_lose_no_request_and_never_stall() {
    let World {
        clock,
        limiter,
        _joined: mine,
        ..
    } = scoped("", |config| {
        config.scopes[0].limit = LimitConfig::per_second(2.0)
    });
    let (refusals, served) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|threads| {
        for number in 0..16_usize {
            let joined = clock.join();
            let (limiter, refusals, served) = (&limiter, &refusals, &served);
            let wanted = wanted(&clock, (number % 2 == 0).then_some("slow"), None);
            threads.spawn(move || {
                let _joined = joined;
                for turn in 0..20_usize {
                    let permits = limiter.acquire_for(&wanted).expect("in time");
                    if turn % 7 == 3 {
                        refusals.fetch_add(1, Ordering::SeqCst);
                        permits.give(Feedback::Refused {
                            announced: api_ratelimiter_core::limiter::AnnouncedLimits::default(),
                            status: StatusCode::TOO_MANY_REQUESTS,
                            retry_after: Some(SECOND),
                            concerns: if number % 4 == 0 {
                                Concerns::Client
                            } else {
                                Concerns::Scope
                            },
                        });
                    } else if turn % 7 == 5 {
                        permits.unused();
                    } else {
                        served.fetch_add(1, Ordering::SeqCst);
                        permits.give(Feedback::Success {
                            announced: api_ratelimiter_core::limiter::AnnouncedLimits::default(),
                            exhausted: None,
                            concerns: Concerns::Scope,
                        });
                    }
                }
            });
        }
        drop(mine);
    });
    let snapshot = limiter.snapshot();
    let slow = &snapshot.scopes[0];
    assert_eq!(snapshot.waiting + slow.waiting, 0);
    let refused = snapshot.backed_off + slow.backed_off;
    assert_eq!(refused, refusals.load(Ordering::SeqCst) as u64);
    // Requests without a scope succeed with one permit, requests in the scope with two.
    assert_eq!(snapshot.succeeded, served.load(Ordering::SeqCst) as u64);
    assert_eq!(slow.succeeded * 2, snapshot.succeeded);
}
