//! Workers of one process on a store in the process: real threads and the simulated API.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, DynamicAPIClient, DynamicRateLimiter, Error, Fleet, FleetKey, FleetStore,
    LocalStore, OnOutage, Replaced, StoreError, Stored, TryAcquire,
};
use api_ratelimiter_simulator::{Limit, SimulatedApi};

fn config() -> ApiRateConfig {
    ApiRateConfig {
        name: "fleet".into(),
        initial_rate: 50.0,
        max_rate: 1000.0,
        ..Default::default()
    }
}

fn worker(store: &LocalStore) -> DynamicRateLimiter {
    DynamicRateLimiter::in_fleet(&config(), &Fleet::new(store.clone(), "key")).expect("valid")
}

#[test]
fn workers_see_each_other_and_share_rate_and_cooldown() {
    let store = LocalStore::new();
    let (one, other) = (worker(&store), worker(&store));
    one.acquire()
        .expect("a permit")
        .backoff(Some(Duration::from_secs(3)));
    // The refusal is reported at once. The other worker reads it on its next visit.
    let held = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(10));
        let _ = other.try_acquire();
        other.snapshot().cooldown_until.is_some()
    });
    assert!(held, "{:?}", other.snapshot());
    let snapshot = other.snapshot();
    let fleet = snapshot.fleet.as_ref().expect("a fleet");
    assert_eq!((fleet.workers, fleet.joined), (2, true));
    assert_eq!(fleet.store, "this process");
    assert!((fleet.share - snapshot.current_rate / 2.0).abs() < 1e-9);
    assert_eq!(snapshot.current_rate, one.snapshot().current_rate);
    let json = serde_json::to_value(&snapshot).expect("JSON");
    assert_eq!(json["fleet"]["workers"], 2);
    assert!(
        json["fleet"]["last_contact"]
            .as_f64()
            .is_some_and(|at| at > 1.6e9)
    );
    assert!(
        !serde_json::to_string(
            &DynamicRateLimiter::new(&config())
                .expect("valid")
                .snapshot()
        )
        .expect("JSON")
        .contains("fleet\":{")
    );
}

#[test]
fn callers_of_one_worker_are_served_in_their_order() {
    let limiter = worker(&LocalStore::new());
    let order = Arc::new(Mutex::new(Vec::new()));
    // The first caller waits for the eleventh token.
    for _ in 0..10 {
        limiter.acquire().expect("a token of the start").success();
    }
    let began = AtomicU32::new(0);
    thread::scope(|scope| {
        for number in 0..20_u32 {
            while began.load(Ordering::SeqCst) < number
                || limiter.snapshot().waiting + order.lock().expect("no panic").len()
                    < number as usize
            {
                thread::yield_now();
            }
            let (limiter, order, began) = (&limiter, &order, &began);
            scope.spawn(move || {
                began.fetch_add(1, Ordering::SeqCst);
                let permit = limiter.acquire().expect("a permit");
                let granted = limiter.snapshot().granted;
                order.lock().expect("no panic").push((number, granted));
                permit.success();
            });
        }
    });
    let order = order.lock().expect("no panic");
    assert_eq!(order.len(), 20);
    // A thread may write late, so the order of the writes is not that of the grants. But a caller that has its
    // permit has overtaken no earlier caller if all of them have been granted theirs by then.
    for (number, granted) in order.iter() {
        assert!(*granted > 10 + u64::from(*number), "{order:?}");
    }
}

#[test]
fn three_workers_fetch_everything_once_and_few_are_refused() {
    let limit: Limit = "token-bucket:100/s,burst=20".parse().expect("a limit");
    let api = SimulatedApi::builder()
        .limit(limit)
        .start()
        .expect("a server");
    let store = LocalStore::new();
    let clients: Vec<DynamicAPIClient> = (0..3)
        .map(|_| {
            DynamicAPIClient::builder(config())
                .base_url(api.base_url())
                .fleet(Fleet::new(store.clone(), "key"))
                .build()
                .expect("valid")
        })
        .collect();
    thread::scope(|scope| {
        for (worker, client) in clients.iter().enumerate() {
            for thread in 0..4 {
                scope.spawn(move || {
                    for item in 0..25 {
                        let path = format!("/pages/{worker}-{thread}-{item}");
                        client.get(path).send().expect("a response");
                    }
                });
            }
        }
    });
    let stats = api.stats();
    assert_eq!((stats.accepted, stats.served_twice), (300, 0));
    assert!(stats.refused < 60, "{}", stats.refused);
    assert_eq!(
        clients[0]
            .limiter()
            .snapshot()
            .fleet
            .map(|fleet| fleet.workers),
        Some(3)
    );
}

#[test]
fn a_caller_that_does_not_queue_gets_a_slot() {
    let limiter = worker(&LocalStore::new());
    let granted = (0..500).any(|_| match limiter.try_acquire() {
        TryAcquire::Ready(permit) => {
            permit.success();
            true
        }
        TryAcquire::Wait(wait) => {
            assert!(!wait.is_zero());
            thread::sleep(wait.min(Duration::from_millis(20)));
            false
        }
        TryAcquire::Closed => false,
    });
    assert!(granted);
}

#[test]
fn another_configuration_under_the_same_key_is_refused() {
    let store = LocalStore::new();
    let _one = worker(&store);
    let other = ApiRateConfig {
        max_rate: 500.0,
        ..config()
    };
    let error =
        DynamicRateLimiter::in_fleet(&other, &Fleet::new(store.clone(), "key")).unwrap_err();
    assert!(matches!(&error, Error::InvalidConfig { .. }));
    assert!(error.to_string().contains("share this key"), "{error}");
    // Another key is another fleet.
    DynamicRateLimiter::in_fleet(&other, &Fleet::new(store, "another"))
        .expect("a fleet of its own");
}

#[test]
fn a_worker_can_not_set_the_rates_of_its_fleet() {
    let error = worker(&LocalStore::new()).set_rates(1.0, 2.0).unwrap_err();
    assert!(error.to_string().contains("whole fleet"), "{error}");
}

#[test]
fn a_fleet_refuses_another_clock() {
    let built = DynamicAPIClient::builder_for("notion")
        .expect("a preset")
        .clock(Arc::new(api_ratelimiter::ManualClock::new()))
        .fleet(Fleet::new(LocalStore::new(), "key"))
        .build();
    assert!(built.unwrap_err().to_string().contains("clock"));
}

#[test]
fn scopes_of_an_api_have_their_own_fleets() {
    let store = LocalStore::new();
    let build = || {
        DynamicAPIClient::builder_for("github")
            .expect("a preset")
            .fleet(Fleet::new(store.clone(), "github/me"))
            .build()
            .expect("valid")
    };
    let (one, other) = (build(), build());
    drop(one);
    let snapshot = other.limiter().snapshot();
    assert!(!snapshot.scopes.is_empty());
    for scope in snapshot.scopes.iter().chain([&snapshot]) {
        assert_eq!(
            scope.fleet.as_ref().map(|fleet| fleet.workers),
            Some(2),
            "{}",
            scope.name
        );
    }
}

#[test]
fn status_shows_the_content_of_the_store() {
    let store = LocalStore::new();
    let fleet = Fleet::new(store.clone(), "key");
    assert_eq!(fleet.status().expect("a store"), None);
    let one = worker(&store);
    one.acquire().expect("a permit").success();
    let status = fleet.status().expect("a store").expect("a fleet");
    assert_eq!((status.workers, status.rate_per_second), (1, 50.0));
    assert_eq!(
        serde_json::to_value(&status).expect("JSON")["cooldown_seconds"],
        0.0
    );
}

/// A store that can be broken.
#[derive(Debug, Clone)]
struct Fragile {
    store: LocalStore,
    is_down: Arc<std::sync::atomic::AtomicBool>,
}

impl Fragile {
    fn new(is_down: bool) -> Self {
        Self {
            store: LocalStore::new(),
            is_down: Arc::new(is_down.into()),
        }
    }

    fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    fn up(&self) -> Result<&LocalStore, StoreError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(StoreError::new("it is down"));
        }
        Ok(&self.store)
    }
}

impl FleetStore for Fragile {
    fn read(&self, key: &FleetKey) -> Result<Stored, StoreError> {
        self.up()?.read(key)
    }

    fn replace(
        &self,
        key: &FleetKey,
        version: u64,
        text: &str,
        keep: Duration,
    ) -> Result<Replaced, StoreError> {
        self.up()?.replace(key, version, text, keep)
    }

    fn shown(&self) -> String {
        "a fragile store".to_owned()
    }
}

#[test]
fn a_lost_store_stops_no_worker_and_is_joined_again_later() {
    let store = Fragile::new(false);
    let limiter =
        DynamicRateLimiter::in_fleet(&config(), &Fleet::new(store.clone(), "key")).expect("valid");
    limiter.acquire().expect("a permit").success();
    store.set_down(true);
    for _ in 0..20 {
        limiter.acquire().expect("a permit").success();
    }
    assert_eq!(
        limiter.snapshot().fleet.map(|fleet| fleet.joined),
        Some(false)
    );
    store.set_down(false);
    let joined = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(10));
        limiter.snapshot().fleet.is_some_and(|fleet| fleet.joined)
    });
    assert!(joined);
    limiter.acquire().expect("a permit").success();
}

#[test]
fn with_on_outage_stop_callers_get_the_reason() {
    let store = Fragile::new(true);
    let fleet = Fleet::new(store.clone(), "key").on_outage(OnOutage::Stop);
    let limiter = DynamicRateLimiter::in_fleet(&config(), &fleet).expect("valid");
    let error = limiter.acquire().unwrap_err();
    assert!(
        matches!(error, Error::Fleet { .. }) && error.is_transient(),
        "{error}"
    );
    store.set_down(false);
    let granted = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(10));
        limiter.acquire().is_ok()
    });
    assert!(granted);
}

#[test]
fn without_a_store_a_worker_takes_the_assumed_share() {
    let rate = |fleet: Fleet| {
        let limiter = DynamicRateLimiter::in_fleet(&config(), &fleet).expect("valid");
        limiter.snapshot().current_rate
    };
    assert_eq!(rate(Fleet::new(Fragile::new(true), "key")), 50.0 / 16.0);
    assert_eq!(rate(Fleet::new(Fragile::new(true), "key").workers(4)), 12.5);
}

#[test]
fn a_worker_that_ends_reports_to_the_store() {
    let store = LocalStore::new();
    let other = worker(&store);
    let one = worker(&store);
    let before = other.snapshot().current_rate;
    // This report is not urgent: it would wait for the next visit.
    one.on_success();
    drop(one);
    let told = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(10));
        let fleet = Fleet::new(store.clone(), "key");
        let status = fleet.status().expect("a store").expect("a fleet");
        status.rate_per_second > before
    });
    assert!(told);
}

/// A store that takes a snapshot of its limiter while its address is read.
#[derive(Debug)]
struct Curious {
    store: LocalStore,
    limiter: Arc<OnceLock<DynamicRateLimiter>>,
}

impl FleetStore for Curious {
    fn read(&self, key: &FleetKey) -> Result<Stored, StoreError> {
        self.store.read(key)
    }

    fn replace(
        &self,
        key: &FleetKey,
        version: u64,
        text: &str,
        keep: Duration,
    ) -> Result<Replaced, StoreError> {
        self.store.replace(key, version, text, keep)
    }

    fn shown(&self) -> String {
        let limiter = self.limiter.get().map(|limiter| limiter.try_acquire());
        format!("asked {}", limiter.map_or("early", |_| "late"))
    }
}

#[test]
fn the_address_of_a_store_is_read_without_any_lock() {
    let (store, limiter) = (LocalStore::new(), Arc::new(OnceLock::new()));
    let curious = Curious {
        store,
        limiter: Arc::clone(&limiter),
    };
    let fleet = Fleet::new(curious, "key");
    let worker = DynamicRateLimiter::in_fleet(&config(), &fleet).expect("valid");
    limiter.set(worker.clone()).expect("it was empty");
    let (done, shown) = mpsc::channel();
    thread::spawn(move || done.send(worker.snapshot().fleet.map(|fleet| fleet.store)));
    let shown = shown.recv_timeout(Duration::from_secs(10));
    assert_eq!(shown.expect("no deadlock").as_deref(), Some("asked late"));
}
