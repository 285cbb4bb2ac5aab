//! Threads and tasks get permits in one order.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use api_ratelimiter::{Clock, DynamicRateLimiter, ManualClock};

use crate::{current_thread, multi_thread, slow};

/// Waits until the queue has this many callers, by yielding and not by time.
fn queued(limiter: &DynamicRateLimiter, count: usize) {
    while limiter.snapshot().waiting < count {
        thread::yield_now();
    }
}

#[test]
fn threads_and_tasks_share_one_queue_and_are_granted_in_the_order_in_which_they_came() {
    for runtime in [current_thread(), multi_thread()] {
        let clock = ManualClock::new();
        let limiter =
            DynamicRateLimiter::with_clock(&slow(), Arc::new(clock.clone())).expect("valid");
        let order = Arc::new(Mutex::new(Vec::new()));
        limiter.acquire().expect("the first token").success();
        let mut threads = Vec::new();
        let mut tasks = Vec::new();
        for number in 0..20 {
            let (limiter_of, order) = (limiter.clone(), Arc::clone(&order));
            if number % 2 == 0 {
                threads.push(thread::spawn(move || {
                    let permit = limiter_of.acquire().expect("a permit");
                    order.lock().expect("not poisoned").push(number);
                    permit.success();
                }));
            } else {
                tasks.push(runtime.spawn(async move {
                    let permit = limiter_of.acquire_async().await.expect("a permit");
                    order.lock().expect("not poisoned").push(number);
                    permit.success();
                }));
                // Let the runtime, which has only this thread, poll the task.
                runtime.block_on(tokio::task::yield_now());
            }
            queued(&limiter, number + 1);
        }
        for granted in 1..=20 {
            clock.advance(Duration::from_secs(1));
            while order.lock().expect("not poisoned").len() < granted {
                runtime.block_on(tokio::task::yield_now());
            }
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("no panic"));
        tasks
            .into_iter()
            .for_each(|task| runtime.block_on(task).expect("no panic"));
        assert_eq!(
            *order.lock().expect("not poisoned"),
            (0..20).collect::<Vec<_>>()
        );
        assert_eq!(limiter.snapshot().granted, 21);
    }
}

#[test]
fn tasks_on_an_auto_clock_wait_in_virtual_time() {
    let clock = ManualClock::auto();
    let limiter = DynamicRateLimiter::with_clock(&slow(), Arc::new(clock.clone())).expect("valid");
    let runtime = current_thread();
    let joined: Vec<_> = (0..61).map(|_| clock.join()).collect();
    let tasks = joined.into_iter().map(|joined| {
        let limiter = limiter.clone();
        runtime.spawn(async move {
            let _joined = joined;
            limiter.acquire_async().await.expect("a permit").success();
        })
    });
    let tasks: Vec<_> = tasks.collect();
    tasks
        .into_iter()
        .for_each(|task| runtime.block_on(task).expect("no panic"));
    assert_eq!(clock.now().as_nanos(), 60_000_000_000);
    assert_eq!(clock.parked(), 0);
}

#[test]
fn a_deadline_that_will_be_missed_is_an_error_at_once() {
    let clock = ManualClock::new();
    let limiter = DynamicRateLimiter::with_clock(&slow(), Arc::new(clock)).expect("valid");
    crate::block_on(async {
        limiter
            .acquire_async()
            .await
            .expect("the first token")
            .success();
        let error = limiter
            .acquire_within_async(Duration::from_millis(500))
            .await;
        let error = error.expect_err("the next token takes a second");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
        assert_eq!(limiter.snapshot().waiting, 0);
    });
}

#[test]
fn closing_ends_every_wait() {
    let limiter = DynamicRateLimiter::new(&slow()).expect("valid");
    let runtime = current_thread();
    runtime.block_on(async {
        limiter
            .acquire_async()
            .await
            .expect("the first token")
            .success();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.acquire_cost_async(300).await.map(drop) })
            })
            .collect();
        while limiter.snapshot().waiting < 10 {
            tokio::task::yield_now().await;
        }
        limiter.close();
        for task in tasks {
            let outcome = task.await.expect("no panic");
            assert!(
                matches!(outcome, Err(api_ratelimiter::Error::Closed { .. })),
                "{outcome:?}"
            );
        }
    });
}

#[test]
fn closing_within_a_time_waits_at_most_for_this_time() {
    let clock = ManualClock::auto();
    let limiter = DynamicRateLimiter::with_clock(&slow(), Arc::new(clock.clone())).expect("valid");
    let _permit = limiter.acquire().expect("the first token");
    let _joined = clock.join();
    let patience = Duration::from_secs(7);
    let began = clock.now();
    let left = crate::block_on(limiter.close_within_async(patience));
    assert_eq!(left, 1, "the permit was never returned");
    assert_eq!(clock.now().saturating_since(began), patience);
}

#[test]
fn closing_within_a_time_ends_with_the_last_permit() {
    // Time does not move, so only the permit can wake the caller.
    let clock = Arc::new(ManualClock::new());
    let limiter = DynamicRateLimiter::with_clock(&slow(), clock).expect("valid");
    let permit = limiter.acquire().expect("the first token");
    let left = crate::block_on(async {
        let closing = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.close_within_async(Duration::MAX).await }
        });
        tokio::task::yield_now().await;
        assert!(!closing.is_finished());
        permit.success();
        closing.await.expect("no panic")
    });
    assert_eq!(left, 0);
}
