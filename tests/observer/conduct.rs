//! Calls of observers, and the actions that observers may take.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::ThreadId;

use api_ratelimiter::{DynamicAPIClient, DynamicRateLimiter, Error, Event, Observer};

use super::{quick, recorder};

fn limiter() -> DynamicRateLimiter {
    DynamicRateLimiter::new(&quick("conduct", "")).expect("valid")
}

struct Calls<F>(F);

impl<F: Fn(&Event) + Send + Sync> Observer for Calls<F> {
    fn on_event(&self, event: &Event) {
        (self.0)(event);
    }
}

#[test]
fn an_observer_that_panics_harms_neither_the_caller_nor_the_next_observer() {
    let limiter = limiter();
    let heard = recorder();
    limiter.add_observer(Arc::new(Calls(|_: &Event| panic!("on purpose"))));
    limiter.add_observer(heard.clone());
    limiter.on_backoff(None);
    limiter.on_backoff(None);
    assert_eq!(heard.events().len(), 4);
}

#[test]
fn an_observer_is_called_on_the_callers_thread_without_the_lock() {
    let limiter = limiter();
    let seen: Arc<Mutex<Vec<(ThreadId, usize)>>> = Arc::default();
    let asked = limiter.clone();
    let kept = Arc::clone(&seen);
    limiter.add_observer(Arc::new(Calls(move |_: &Event| {
        // This would never return if the lock were held.
        let waiting = asked.snapshot().waiting;
        kept.lock()
            .expect("not poisoned")
            .push((std::thread::current().id(), waiting));
    })));
    limiter.on_backoff(None);
    let here = std::thread::current().id();
    assert_eq!(*seen.lock().expect("not poisoned"), [(here, 0), (here, 0)]);
}

#[test]
fn an_observer_that_hangs_delays_no_other_caller() {
    let limiter = limiter();
    let (entered, release) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (at_door, key) = (Arc::clone(&entered), Arc::clone(&release));
    let times = AtomicUsize::new(0);
    limiter.add_observer(Arc::new(Calls(move |event: &Event| {
        if matches!(event, Event::Cut { .. }) && times.fetch_add(1, Ordering::Relaxed) == 0 {
            at_door.wait();
            key.wait();
        }
    })));
    let slow = limiter.clone();
    let thread = std::thread::spawn(move || slow.on_backoff(None));
    entered.wait();
    for _ in 0..3 {
        limiter.acquire().expect("other callers continue").success();
    }
    release.wait();
    thread.join().expect("no panic");
}

#[test]
fn an_observer_may_add_another() {
    let limiter = limiter();
    let heard = recorder();
    let (asked, late) = (limiter.clone(), heard.clone());
    limiter.add_observer(Arc::new(Calls(move |_: &Event| {
        asked.add_observer(late.clone());
    })));
    limiter.on_backoff(None);
    assert!(!heard.events().is_empty(), "it gets the second event");
}

#[test]
fn an_observer_beside_a_shared_limiter_is_refused() {
    let error = DynamicAPIClient::builder(quick("conduct", "http://127.0.0.1:9"))
        .limiter(limiter())
        .observer(recorder())
        .build()
        .expect_err("it belongs to the limiter");
    assert!(matches!(error, Error::InvalidConfig { .. }));
    assert!(error.to_string().contains("observer"), "{error}");
}
