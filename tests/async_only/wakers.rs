//! Wakers run code of the caller: never under the limiter's lock, and no more often than something has changed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, BucketConfig, DynamicRateLimiter, Error, Learning, ManualClock, Permit,
};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a limiter of 10 requests per second, whose first token is spent, and its clock, which stands still.
fn limiter() -> (ManualClock, DynamicRateLimiter) {
    let config = ApiRateConfig {
        initial_rate: 10.0,
        min_rate: 10.0,
        max_rate: 10.0,
        bucket: BucketConfig::of(1.0, 1.0),
        learning: Learning::Off,
        ..Default::default()
    };
    let clock = ManualClock::new();
    let limiter = DynamicRateLimiter::with_clock(&config, Arc::new(clock.clone()));
    let limiter = limiter.expect("valid");
    limiter.acquire().expect("the first token").success();
    (clock, limiter)
}

/// Asks the limiter when it is woken and when it is dropped.
struct Curious(DynamicRateLimiter);

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        let _ = self.0.snapshot();
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        let _ = self.0.snapshot();
    }
}

#[test]
fn a_waker_that_asks_the_limiter_when_it_is_woken_or_dropped_blocks_nothing() {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let (clock, limiter) = limiter();
        let waker = || Waker::from(Arc::new(Curious(limiter.clone())));
        let poll = |waiting: Pin<&mut dyn Future<Output = Result<Permit, Error>>>| {
            // The limiter and the clock keep the last copies of this waker.
            waiting.poll(&mut Context::from_waker(&waker()))
        };
        let mut head = Box::pin(limiter.acquire_async());
        let mut second = Box::pin(limiter.acquire_within_async(60 * SECOND));
        let mut third = Box::pin(limiter.acquire_async());
        for _ in 0..2 {
            // The second time each of them comes with another waker.
            assert!(poll(head.as_mut()).is_pending());
            assert!(poll(second.as_mut()).is_pending());
            assert!(poll(third.as_mut()).is_pending());
        }
        // A pause, other bounds, a caller that leaves, time, a grant, and the end.
        limiter.on_backoff(Some(SECOND));
        limiter.set_rates(1.0, 10.0).expect("valid");
        drop(third);
        clock.advance(2 * SECOND);
        let Poll::Ready(permit) = poll(head.as_mut()) else {
            panic!("its time has come")
        };
        permit.expect("a permit").success();
        let mut closing = Box::pin(limiter.close_within_async(SECOND));
        let _ = closing.as_mut().poll(&mut Context::from_waker(&waker()));
        drop((second, closing));
        done.send(()).expect("waited for");
    });
    let ended = ended.recv_timeout(Duration::from_secs(60));
    ended.expect("no deadlock and no panic");
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Permit, Error>> + 'a>>;

/// Polls each of them once, all with this waker.
fn polled(waiting: &mut [Waiting<'_>], waker: &Waker) -> Vec<Poll<Result<Permit, Error>>> {
    let poll = |one: &mut Waiting<'_>| one.as_mut().poll(&mut Context::from_waker(waker));
    waiting.iter_mut().map(poll).collect()
}

#[test]
fn a_pause_wakes_the_head_and_only_the_callers_whose_deadline_it_has_passed() {
    const CALLERS: usize = 4_000;
    let (_clock, limiter) = limiter();
    // Every second caller has time for itself, but not for a pause as well. They wait up to 400 s.
    let mut waiting: Vec<Waiting<'_>> = (0..CALLERS)
        .map(|number| {
            let own = Duration::from_millis(100 * number as u64 + 200);
            let spare = if number % 2 == 0 { 1 } else { 1_000 };
            Box::pin(limiter.acquire_within_async(own + spare * SECOND)) as Waiting<'_>
        })
        .collect();
    let counter = Arc::new(Counter::default());
    let waker = Waker::from(Arc::clone(&counter));
    assert!(polled(&mut waiting, &waker).iter().all(Poll::is_pending));
    assert_eq!(limiter.snapshot().waiting, CALLERS);
    let woken = || counter.0.swap(0, Ordering::Relaxed);
    woken();
    // A pause within everyone's spare time wakes the head alone.
    limiter.on_backoff(Some(SECOND / 2));
    assert_eq!(woken(), 1);
    // A longer one wakes those that can't wait for it. As they leave, the others move up.
    limiter.on_backoff(Some(250 * SECOND));
    let late = woken();
    assert!(late <= CALLERS / 2 + 1, "{late}");
    let failed = polled(&mut waiting, &waker);
    let failed = failed.iter().filter(|outcome| outcome.is_ready()).count();
    assert!((late - 1..=late).contains(&failed), "{failed} of {late}");
    assert!(failed >= CALLERS / 4, "{failed}");
}
