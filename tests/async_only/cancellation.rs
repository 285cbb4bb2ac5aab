//! Futures that are dropped at any moment: no permit is lost, none is made, and no caller is forgotten.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, CircuitBreaker, DynamicRateLimiter, Error, ManualClock, Permit, Result,
};

use crate::server::{After, Server, ok, silence};
use crate::{block_on, client, current_thread, multi_thread, slow};

/// Waker that counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rang(&self) -> bool {
        self.0.swap(0, Ordering::SeqCst) > 0
    }
}

struct Waiter {
    future: Pin<Box<dyn Future<Output = Result<Permit>>>>,
    bell: Arc<Bell>,
}

impl Waiter {
    fn of(limiter: &DynamicRateLimiter) -> Self {
        let limiter = limiter.clone();
        Self {
            future: Box::pin(async move { limiter.acquire_async().await }),
            bell: Arc::default(),
        }
    }

    fn poll(&mut self) -> Poll<Result<Permit>> {
        let waker = Waker::from(Arc::clone(&self.bell));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[test]
fn a_thousand_random_cancellations_lose_no_permit_and_make_none() {
    let mut dice = fastrand::Rng::with_seed(7);
    let clock = ManualClock::new();
    let limiter = DynamicRateLimiter::with_clock(&slow(), Arc::new(clock.clone())).expect("valid");
    limiter.acquire().expect("the first token").success();
    let (mut waiting, mut cancelled, mut granted, mut seconds) = (Vec::new(), 0, 1, 0);
    while cancelled < 1000 {
        match dice.u8(..4) {
            0 | 1 => {
                let mut waiter = Waiter::of(&limiter);
                assert!(waiter.poll().is_pending(), "no token is left");
                waiting.push(waiter);
            }
            2 if !waiting.is_empty() => {
                drop(waiting.remove(dice.usize(..waiting.len())));
                cancelled += 1;
            }
            _ if !waiting.is_empty() => {
                clock.advance(Duration::from_secs(1));
                seconds += 1;
                // A head that was woken may leave without having polled.
                if dice.u8(..4) == 0 && waiting.len() > 1 {
                    drop(waiting.remove(0));
                    cancelled += 1;
                }
                let mut head: Waiter = waiting.remove(0);
                assert!(
                    head.bell.rang(),
                    "the head is woken, or the caller that became the head"
                );
                let Poll::Ready(permit) = head.poll() else {
                    panic!("a second brings a token");
                };
                permit.expect("a permit").success();
                granted += 1;
                if let Some(next) = waiting.first_mut() {
                    assert!(next.poll().is_pending(), "one token, one permit");
                }
            }
            _ => {}
        }
        assert_eq!(limiter.snapshot().waiting, waiting.len());
    }
    assert_eq!(limiter.snapshot().granted, granted);
    assert_eq!(
        granted,
        seconds + 1,
        "one permit per second, none lost and none made"
    );
    waiting.clear();
    assert_eq!((limiter.snapshot().waiting, clock.parked()), (0, 0));
}

#[test]
fn tasks_aborted_at_any_moment_lose_no_permit() {
    let runtime = multi_thread();
    let limiter = DynamicRateLimiter::new(&crate::config("http://127.0.0.1:9")).expect("valid");
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let (limiter, done) = (limiter.clone(), Arc::clone(&done));
            runtime.spawn(async move {
                // More tasks than the burst allows, so that most of them wait.
                let permit = limiter.acquire_cost_async(3).await.expect("a permit");
                done.fetch_add(1, Ordering::SeqCst);
                permit.neutral();
            })
        })
        .collect();
    let mut dice = fastrand::Rng::with_seed(3);
    for task in &tasks {
        if dice.bool() {
            task.abort();
        }
        if dice.u8(..16) == 0 {
            runtime.block_on(tokio::task::yield_now());
        }
    }
    let mut finished = 0;
    for task in tasks {
        finished += usize::from(runtime.block_on(task).is_ok());
    }
    let snapshot = limiter.snapshot();
    assert_eq!(snapshot.waiting, 0);
    assert_eq!(snapshot.granted, done.load(Ordering::SeqCst) as u64);
    assert!(
        finished <= done.load(Ordering::SeqCst) && finished > 300,
        "{finished} finished"
    );
}

#[test]
fn a_call_dropped_in_flight_counts_as_neutral() {
    let server = Server::of(|_, _, stream| silence(stream));
    let client = client(&server.url());
    block_on(async {
        let mut call = pin!(client.get("/").send());
        // Wait until the request has arrived.
        while server.requests().is_empty() {
            let slice = tokio::time::timeout(Duration::from_millis(1), call.as_mut());
            assert!(slice.await.is_err(), "no response arrives");
        }
    });
    let snapshot = client.limiter().snapshot();
    assert_eq!(
        (snapshot.granted, snapshot.succeeded, snapshot.backed_off),
        (1, 0, 0)
    );
    assert_eq!(client.limiter().close(), 0, "nothing is in flight");
}

#[test]
fn a_cancelled_trial_passes_to_the_next_caller() {
    let clock = ManualClock::new();
    let config = ApiRateConfig {
        breaker: Some(CircuitBreaker::after_failures(1)),
        ..crate::config("http://127.0.0.1:9")
    };
    let limiter = DynamicRateLimiter::with_clock(&config, Arc::new(clock.clone())).expect("valid");
    limiter.acquire().expect("free").failed();
    let (mut first, mut second) = (Waiter::of(&limiter), Waiter::of(&limiter));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    // Cancelled before it was granted: the next caller sends the trial at the same time.
    clock.advance(Duration::from_secs(2));
    drop(first);
    assert!(second.bell.rang());
    let Poll::Ready(Ok(trial)) = second.poll() else {
        panic!("the trial is due");
    };
    let mut third = Waiter::of(&limiter);
    assert!(third.poll().is_pending());
    // Cancelled in flight: its outcome is unknown, so the next trial is sent at the usual time.
    drop(trial);
    assert!(third.bell.rang(), "its end wakes the next caller at once");
    assert!(third.poll().is_pending());
    clock.advance(Duration::from_secs(2));
    let Poll::Ready(Ok(trial)) = third.poll() else {
        panic!("the next trial is due");
    };
    trial.success();
    assert!(Waiter::of(&limiter).poll().is_ready());
}

#[test]
fn closing_within_a_time_lets_requests_in_flight_finish() {
    let server = Server::of(|_, _, stream| {
        std::thread::sleep(Duration::from_millis(300));
        std::io::Write::write_all(stream, ok("done").as_bytes()).map(|()| After::Keep)
    });
    let client = client(&server.url());
    block_on(async {
        let other = client.clone();
        let call = tokio::spawn(async move { other.get("/").send().await?.text().await });
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(client.close_within(Duration::from_secs(15)).await, 0);
        let text = call.await.expect("no panic");
        assert_eq!(text.expect("it was in flight"), "done");
        let later = client.get("/").send().await;
        assert!(matches!(later, Err(Error::Closed { .. })), "{later:?}");
    });
}

#[test]
fn no_task_outlives_the_client() {
    for runtime in [current_thread(), multi_thread()] {
        let server = Server::of(|number, _, stream| match number {
            0 => std::io::Write::write_all(stream, ok("x").as_bytes()).map(|()| After::Keep),
            _ => silence(stream),
        });
        let client = client(&server.url());
        runtime.block_on(async {
            let answer = client.get("/").send().await.expect("a response");
            assert_eq!(answer.text().await.expect("a body"), "x");
            let slice = Duration::from_millis(50);
            assert!(
                tokio::time::timeout(slice, client.get("/").send())
                    .await
                    .is_err()
            );
        });
        drop(client);
        // The number of tasks must fall to the old one; otherwise the test hangs.
        while runtime.metrics().num_alive_tasks() > 0 {
            runtime.block_on(tokio::task::yield_now());
        }
    }
}
